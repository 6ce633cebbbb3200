namespace ZipLM.Engine.Evaluation;

/// <summary>How good a model's answers are.</summary>
/// <param name="Metric">The metric to compare by: accuracy.</param>
/// <param name="Metrics">All metrics by name, that one included.</param>
/// <param name="Loss">Mean loss of the task.</param>
/// <param name="Samples">Rows.</param>
internal sealed record Quality(string Metric, IReadOnlyDictionary<string, double> Metrics, double Loss, int Samples)
{
    /// <summary>The value of the metric to compare by.</summary>
    public double Value => Metrics[Metric];

    /// <summary>False for a metric that falls as a model gets better.</summary>
    public bool HigherIsBetter => Metric != TokenScorer.Perplexity;
}
