using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Looks into <c>tokenizer.json</c>, where null and absent mean the same.</summary>
internal static class JsonParts
{
    /// <summary>A part, or null.</summary>
    public static JsonElement? Part(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public static string? Text(this JsonElement element, string name) => element.Part(name)?.GetString();

    public static bool? Flag(this JsonElement element, string name) => element.Part(name)?.GetBoolean();

    /// <summary>The kind that a part names.</summary>
    public static string Kind(this JsonElement element) => element.Text("type") ?? throw new FormatException("a part names no type");

    /// <summary>A part itself, or the parts of a Sequence in their order; none for null.</summary>
    public static IEnumerable<JsonElement> Flatten(this JsonElement? part, string list) => part switch
    {
        null => [],
        { } element when element.Kind() == "Sequence" => element.GetProperty(list).EnumerateArray().SelectMany(item => Flatten((JsonElement?)item, list)),
        { } element => [element],
    };
}
