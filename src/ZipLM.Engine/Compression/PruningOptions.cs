using ZipLM.Engine.Latency;

namespace ZipLM.Engine.Compression;

/// <summary>What a model is pruned with.</summary>
public sealed record PruningOptions
{
    /// <summary>Targets: dense time ÷ pruned time, each &gt; 1.</summary>
    public IReadOnlyList<double> Speedups { get; init; } = [];

    /// <summary>Targets of any kind; none = <see cref="Speedups"/>.</summary>
    public IReadOnlyList<PruningTarget> Targets { get; init; } = [];

    /// <summary>What executes the models when they are measured; null = as the table has it, else torch.</summary>
    public RuntimeChoice? Runtime { get; init; }

    /// <summary>Sequences in a forward pass when time is measured; null = as the table has it, else 1.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Tokens a sequence when time is measured; null = as the table has it, else the 95th percentile of the calibration data.</summary>
    public int? SequenceLength { get; init; }

    /// <summary>Tokens that are written one by one after the sequence, its prompt, when time is measured; 0 = one forward pass is timed; null = as the table has it, else 0.</summary>
    public int? GeneratedTokens { get; init; }

    /// <summary>Rows of the calibration data that the statistics are taken from.</summary>
    public int CalibrationSamples { get; init; } = 256;

    /// <summary>By which score structures go; null = as the rows have it, else ZipLM's.</summary>
    public PruningCriterion? Criterion { get; init; }

    /// <summary>Whether the structures that are left take over the work of those that go; null = as the rows have it, else yes.</summary>
    public bool? Repair { get; init; }

    /// <summary>λ as a share of the mean diagonal of H, each ≥ 0; one model for each and each target. Null = as the rows have it, else 1e-2.</summary>
    public IReadOnlyList<double>? Dampings { get; init; }

    /// <summary>A directory that keeps the statistics: read when they are of this model and data, else written; null = none.</summary>
    public string? StatisticsPath { get; init; }

    /// <summary>Sets of coefficients that the search for a plan tries for each target; 0 = all sublayers weigh alike.</summary>
    public int SearchTrials { get; init; } = 200;

    /// <summary>Rounds of each measurement: of the table, where one is measured, and of the speedup. Null = as many as it takes: of the speedup at least 60, and until it is known within 1 %.</summary>
    public int? Rounds { get; init; }

    /// <summary>Whether a plan whose measured speedup misses its target is replaced; otherwise the plan hangs on the table alone.</summary>
    public bool Correct { get; init; } = true;

    /// <summary>A table that was measured before; null = measure one.</summary>
    public LatencyTable? Table { get; init; }

    /// <summary>Rows of Get-StructureSaliency whose order and priors are used; null = let the surgeon find them.</summary>
    public IReadOnlyList<StructureSaliency>? Saliency { get; init; }

    /// <summary>The model that the loss of plans compares with where the data has no labels; null = the one that is pruned. It is not disposed.</summary>
    public Model? Dense { get; init; }

    /// <summary>Use the table even though it was measured in another environment.</summary>
    public bool Force { get; init; }
}
