using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>Records as JSON in the files of a run.</summary>
internal static class StageJson
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter() },
    };

    public static JsonNode Of<T>(T value) => JsonSerializer.SerializeToNode(value, Options)!;

    /// <exception cref="ZipLMException">It is not what was written: somebody changed it.</exception>
    public static T To<T>(JsonNode? json, string file, string remedy = "Delete the folder that it lies in: the stage is then done again.")
    {
        try
        {
            return json.Deserialize<T>(Options) ?? throw new JsonException("it is null.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NotSupportedException)
        {
            throw new ZipLMException("RunFileInvalid", ErrorKind.InvalidData,
                $"'{file}' cannot be understood: {e.Message}", remedy, file, e);
        }
    }

    public static T Read<T>(string file) => To<T>(JsonFile.Read(file), file);
}
