using System.Text.Json;
using System.Text.Json.Nodes;

namespace ZipLM.Engine.Data;

/// <summary>Writes the parts of <c>tokenizer.json</c> for tokenizers that were published in another form.</summary>
internal static class JsonDefinition
{
    public static byte[] Write(JsonArray added, JsonNode? normalizer, JsonNode? splitter, JsonNode? template, JsonNode decoder, JsonObject model) =>
        JsonSerializer.SerializeToUtf8Bytes(new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = normalizer,
            ["pre_tokenizer"] = splitter,
            ["post_processor"] = template,
            ["decoder"] = decoder,
            ["model"] = model,
        }, TokenizerConfig.Layout);

    public static JsonObject Part(string type, params (string Name, JsonNode? Value)[] values)
    {
        var part = new JsonObject { ["type"] = type };
        foreach (var (name, value) in values) part[name] = value;
        return part;
    }

    public static JsonObject AddedToken(string content, int id, bool eatsLeft = false) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = eatsLeft,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };

    /// <summary>A template from its places: A, B or a special token, each with its type after a colon.</summary>
    public static JsonObject Template(string single, string pair, params (string Token, int Id)[] special)
    {
        var tokens = new JsonObject();
        foreach (var (token, id) in special) tokens[token] = new JsonObject { ["id"] = token, ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(token) };
        return Part("TemplateProcessing", ("single", Places(single)), ("pair", Places(pair)), ("special_tokens", tokens));
    }

    private static JsonArray Places(string places) => [.. places.Split(' ').Select(place => place.Split(':')).Select(place => new JsonObject
    {
        [place[0] is "A" or "B" ? "Sequence" : "SpecialToken"] = new JsonObject { ["id"] = place[0], ["type_id"] = place[1] == "1" ? 1 : 0 },
    })];
}
