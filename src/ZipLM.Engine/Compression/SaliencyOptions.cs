namespace ZipLM.Engine.Compression;

/// <summary>What structures are ranked by.</summary>
public sealed record SaliencyOptions
{
    /// <summary>Rows of the calibration data that the statistics are taken from.</summary>
    public int CalibrationSamples { get; init; } = 256;

    /// <summary>By which score structures go.</summary>
    public PruningCriterion Criterion { get; init; }

    /// <summary>Whether the structures that are left take over the work of those that go.</summary>
    public bool Repair { get; init; } = true;

    /// <summary>λ as a share of the mean diagonal of H, each ≥ 0; one set of rows for each.</summary>
    public IReadOnlyList<double> Dampings { get; init; } = [1e-2];

    /// <summary>A directory that keeps the statistics: read when they are of this model and data, else written; null = none.</summary>
    public string? StatisticsPath { get; init; }

    /// <summary>A table of this model or of one of its dimensions, for the time of each level; null = no times.</summary>
    public LatencyTable? Table { get; init; }
}
