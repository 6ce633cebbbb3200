using System.Text.Json.Nodes;

namespace ZipLM.Engine.Recipes;

/// <summary>Passes on what training tells, and keeps its learning curve.</summary>
internal sealed class CurveReporter(IReporter inner) : IReporter
{
    private readonly List<TrainingMetric> _curve = [];

    /// <summary>The lines of the curve.</summary>
    public JsonNode Json => StageJson.Of(_curve);

    public void Verbose(string message) => inner.Verbose(message);

    public void Debug(string message) => inner.Debug(message);

    public void Warning(string message) => inner.Warning(message);

    public void Error(ZipLMException error) => inner.Error(error);

    public void Milestone(object message)
    {
        if (message is TrainingMetric metric)
        {
            _curve.Add(metric);
        }

        inner.Milestone(message);
    }

    public void Progress(ProgressUpdate update) => inner.Progress(update);
}
