using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Models;

/// <summary><c>ziplm.json</c>: what a model's directory records beside its weights.</summary>
internal static class ModelRecordFile
{
    private const int Format = 1;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>Reads the file of a directory: the record and what is left of each block; null where there is no file.</summary>
    public static (ModelRecord Record, IReadOnlyList<LayerShape> Layers)? Read(string directory)
    {
        var path = Path.Combine(directory, ModelDirectory.RecordFile);
        if (!File.Exists(path))
        {
            return null;
        }

        var json = JsonFile.Read(path);
        try
        {
            var format = json["format"]?.GetValue<int>();
            if (format != Format)
            {
                throw new ZipLMException("ModelRecordVersion", ErrorKind.InvalidData,
                    $"{path} is of format {json["format"]?.ToJsonString() ?? "(none)"}, but this version reads format {Format}.",
                    "Use the version of ZipLM that wrote it, or a newer one.", path);
            }

            var record = json.Deserialize<ModelRecord>(Json)!;
            if (record.Pruning?.Plan.Layers.Any(l => l is null) == true)
            {
                throw new JsonException("a layer of the plan is null.");
            }

            if (record.Pruning?.Search?.Curve.Any(s => s is null) == true)
            {
                throw new JsonException("a step of the search is null.");
            }

            return (record, json["layers"].Deserialize<List<LayerShape>>(Json) ?? []);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NotSupportedException)
        {
            throw new ZipLMException("ModelRecordInvalid", ErrorKind.InvalidData,
                $"{path} cannot be understood: {e.Message}", "Get the model's directory again from where it came from.", path, e);
        }
    }

    /// <summary>The file's content.</summary>
    public static JsonObject Create(ModelRecord record, IReadOnlyList<LayerShape> layers)
    {
        var json = new JsonObject
        {
            ["format"] = Format,
            ["ziplm_version"] = typeof(ModelRecordFile).Assembly.GetName().Version?.ToString(3),
            ["layers"] = JsonSerializer.SerializeToNode(layers, Json),
        };
        foreach (var (key, value) in JsonSerializer.SerializeToNode(record, Json)!.AsObject())
        {
            json[key] = value?.DeepClone();
        }

        return json;
    }
}
