using System.Text.Json;
using System.Text.Json.Serialization;

namespace ZipLM.Engine.Reporting;

/// <summary>The metrics of one training run, in the order of its steps.</summary>
/// <param name="Name">What tells it from other runs.</param>
/// <param name="Metrics">At least one.</param>
public sealed record LearningCurve(string Name, IReadOnlyList<TrainingMetric> Metrics)
{
    private const string FileName = "metrics.jsonl";

    private static readonly JsonSerializerOptions Json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Reads a checkpoint folder's <c>metrics.jsonl</c>, or such a file. A last line that was cut short by a stop is left out.</summary>
    /// <exception cref="ZipLMException"><c>MetricsNotFound</c>, <c>MetricsInvalid</c> with the line.</exception>
    public static LearningCurve Read(string path)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, FileName) : path;
        if (!File.Exists(file))
        {
            throw new ZipLMException("MetricsNotFound", ErrorKind.NotFound, $"There are no metrics '{file}'.",
                $"Give a folder that -CheckpointPath named, or its {FileName}.", path);
        }

        string[] lines;
        try
        {
            lines = File.ReadAllLines(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ZipLMException("MetricsNotFound", ErrorKind.ResourceUnavailable, $"'{file}' cannot be read: {e.Message}", "Check its permissions.", path, e);
        }

        var metrics = new List<TrainingMetric>();
        for (int i = 0; i < lines.Length; i++)
        {
            try
            {
                if (lines[i].Trim().Length > 0 && JsonSerializer.Deserialize<TrainingMetric>(lines[i], Json) is { } metric)
                    metrics.Add(metric);
            }
            catch (JsonException e) when (i < lines.Length - 1 || metrics.Count == 0)
            {
                throw new ZipLMException("MetricsInvalid", ErrorKind.InvalidData, $"Line {i + 1} of '{file}' holds no training metric: {e.Message}",
                    $"Give a {FileName} that training has written.", path, e);
            }
            catch (JsonException)
            {
                // The line that was being written when the run was killed.
            }
        }

        string name = Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(file)))!;
        return metrics.Count > 0 ? new LearningCurve(name, metrics) : throw new ZipLMException("MetricsInvalid", ErrorKind.InvalidData,
            $"'{file}' is empty.", $"Give a {FileName} that training has written.", path);
    }

    /// <summary>Parts metrics of several runs: each run starts with a step no later than the one before it.</summary>
    public static IReadOnlyList<LearningCurve> Split(IReadOnlyList<TrainingMetric> metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        var runs = new List<List<TrainingMetric>>();
        foreach (TrainingMetric metric in metrics)
        {
            if (runs.Count == 0 || metric.Step <= runs[^1][^1].Step)
                runs.Add([]);
            runs[^1].Add(metric);
        }

        return [.. runs.Select((run, i) => new LearningCurve(runs.Count == 1 ? "training" : FormattableString.Invariant($"run {i + 1}"), run))];
    }
}
