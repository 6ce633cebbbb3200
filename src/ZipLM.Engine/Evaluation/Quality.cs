namespace ZipLM.Engine.Evaluation;

/// <summary>How good a model's answers are.</summary>
/// <param name="Metric">The metric's name: accuracy.</param>
/// <param name="Value">Its value, 0–1.</param>
/// <param name="Loss">Mean loss.</param>
/// <param name="Samples">Rows.</param>
internal sealed record Quality(string Metric, double Value, double Loss, int Samples);
