using ZipLM.Engine.Latency;

namespace ZipLM.Engine.Compression;

/// <summary>How a model is measured.</summary>
public sealed record MeasurementOptions
{
    /// <summary>Sequences in a forward pass; null = what a pruned model was made for, else 1.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Tokens a sequence when time is measured; null = what a pruned model was made for, else the 95th percentile of the first data set.</summary>
    public int? SequenceLength { get; init; }

    /// <summary>Tokens that are written one by one after the sequence, its prompt, when time is measured; 0 = one forward pass is timed; null = what a pruned model was made for, else 0.</summary>
    public int? GeneratedTokens { get; init; }

    /// <summary>Rounds, ≥ 1, paired where there is a baseline; null = at least 60, and until the speedup, or without a baseline the time, is known within 1 %.</summary>
    public int? Rounds { get; init; }

    /// <summary>What executes the models; null = what a pruned model was made for, else torch.</summary>
    public RuntimeChoice? Runtime { get; init; }

    /// <summary>Tokens that neighbouring windows of a long text share; null = what is usual for the task.</summary>
    public int? Stride { get; init; }

    /// <summary>What else is done to each data set, one measurement for each.</summary>
    public IReadOnlyList<Perturbation> Perturbations { get; init; } = [];

    /// <summary>Share of the words that are disturbed, 0–1.</summary>
    public double PerturbationRate { get; init; } = 0.1;
}
