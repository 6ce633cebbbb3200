namespace ZipLM;

/// <summary>One stage of a compression run, as its folder tells.</summary>
public sealed record CompressionStage
{
    /// <summary>The run directory.</summary>
    public required string Run { get; init; }

    /// <summary>The name of the recipe that the run belongs to.</summary>
    public required string Recipe { get; init; }

    /// <summary>The stage's folder: <c>05-prune-2x</c>.</summary>
    public required string Stage { get; init; }

    /// <summary>The target speedup that the stage works for; null where it works for all.</summary>
    public double? Target { get; init; }

    /// <summary>How far it is.</summary>
    public required StageState State { get; init; }

    /// <summary>Who works in the run directory just now; null = nobody.</summary>
    public string? InUseBy { get; init; }

    /// <summary>When it was last begun; null where it has not.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>How long it took; null while it is not done.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>Quality on the evaluation data, where the stage evaluates.</summary>
    public double? Quality { get; init; }

    /// <summary>What <see cref="Quality"/> is.</summary>
    public string? Metric { get; init; }

    /// <summary>Dense time ÷ this model's time, where the stage measures it.</summary>
    public double? Speedup { get; init; }

    /// <summary>Bytes of its files.</summary>
    public long Bytes { get; init; }
}
