namespace ZipLM;

/// <summary>What a model reached when it was measured last, on data as it is.</summary>
/// <param name="Data">The data set's name.</param>
/// <param name="Samples">Rows that were measured.</param>
/// <param name="Metric">The task's first metric.</param>
/// <param name="Metrics">All metrics of the task by name.</param>
/// <param name="Change">The first metric minus the baseline's on the same data; null without a baseline.</param>
public sealed record QualityRecord(
    string Data,
    int Samples,
    string Metric,
    IReadOnlyDictionary<string, double> Metrics,
    double? Change = null);
