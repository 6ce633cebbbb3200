namespace ZipLM;

/// <summary>How far a stage of a compression run is.</summary>
public enum StageState
{
    /// <summary>It has not begun.</summary>
    Pending,

    /// <summary>It has begun and is not done: it runs, or was stopped.</summary>
    Begun,

    /// <summary>It is done.</summary>
    Done,

    /// <summary>It was done, but its files are no longer whole: it is done again when the run goes on.</summary>
    Damaged,
}
