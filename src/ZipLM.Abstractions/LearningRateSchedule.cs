namespace ZipLM;

/// <summary>How the learning rate goes on after the warm-up.</summary>
public enum LearningRateSchedule
{
    /// <summary>It falls linearly to 0.</summary>
    Linear,

    /// <summary>It falls to 0 as half a cosine wave: slowly first and last.</summary>
    Cosine,

    /// <summary>It stays.</summary>
    Constant,
}
