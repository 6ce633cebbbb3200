using System.Text.Json;
using System.Text.Json.Serialization;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Distillation;

/// <summary>A learning curve as a file: one JSON object a line, with the names of <see cref="TrainingMetric"/>'s properties.</summary>
internal sealed class MetricLog(string path)
{
    private static readonly JsonSerializerOptions Options = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Adds a line.</summary>
    public void Append(TrainingMetric metric)
    {
        try
        {
            File.AppendAllText(path, JsonSerializer.Serialize(metric, Options) + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Explain(e, path, 0) ?? WriteFailure.NotWritable(e, path);
        }
    }

    /// <summary>All lines.</summary>
    public IReadOnlyList<TrainingMetric> Read() => File.Exists(path) ? [.. File.ReadLines(path).Select(Parse).OfType<TrainingMetric>()] : [];

    /// <summary>The lines up to a step; later ones, and one that was cut short, are forgotten: the run will make them again.</summary>
    public IReadOnlyList<TrainingMetric> KeepUpTo(int step)
    {
        var kept = Read().TakeWhile(m => m.Step <= step).ToList();
        AtomicFile.Write(path, System.Text.Encoding.UTF8.GetBytes(string.Concat(kept.Select(m => JsonSerializer.Serialize(m, Options) + "\n"))));
        return kept;
    }

    private static TrainingMetric? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<TrainingMetric>(line, Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
