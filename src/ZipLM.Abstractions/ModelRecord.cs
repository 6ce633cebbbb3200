namespace ZipLM;

/// <summary>What a model's directory records beside its weights (<c>ziplm.json</c>).</summary>
public sealed record ModelRecord
{
    /// <summary>Directory of the dense model that this one was pruned from: the teacher by default.</summary>
    public string? BaseModel { get; init; }

    /// <summary>SHA-256 of the base model's weights file(s).</summary>
    public string? BaseHash { get; init; }

    /// <summary>Data that the model was trained on: the default for calibration and distillation.</summary>
    public DatasetReference? TrainingData { get; init; }

    /// <summary>Data that it was validated on: the default for measuring its quality.</summary>
    public DatasetReference? ValidationData { get; init; }

    /// <summary>How it was pruned; null for a dense model.</summary>
    public PruningResult? Pruning { get; init; }

    /// <summary>How it was trained, after the pruning where there was one; null where it was not.</summary>
    public TrainingRecord? Training { get; init; }

    /// <summary>What it reached when it was measured last; null where it was not.</summary>
    public QualityRecord? Quality { get; init; }
}
