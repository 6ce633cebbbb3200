namespace ZipLM.Engine.Runtime;

/// <summary>What a session is made with.</summary>
public sealed record SessionOptions
{
    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>The number format in which models are loaded.</summary>
    public Precision Precision { get; init; } = Precision.Float32;

    /// <summary>CPU threads; 0 = one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>Seed of samples, initial weights and dropout.</summary>
    public int Seed { get; init; }

    /// <summary>Calibration data for models whose directory records none.</summary>
    public TextDataset? CalibrationData { get; init; }
}
