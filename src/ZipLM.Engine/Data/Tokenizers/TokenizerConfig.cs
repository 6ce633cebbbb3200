using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ZipLM.Engine.Data;

/// <summary>Looks into <c>tokenizer_config.json</c>.</summary>
internal static class TokenizerConfig
{
    /// <summary>Plain characters stay readable: these files are no web pages.</summary>
    public static readonly JsonSerializerOptions Layout = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The config of a directory; empty when there is none.</summary>
    public static JsonObject Read(string directory)
    {
        var path = Path.Combine(directory, TokenizerFile.Config);
        return !File.Exists(path) ? [] : TokenizerFile.Read(path, bytes => JsonNode.Parse(bytes) as JsonObject ?? throw new FormatException("it holds no JSON object"));
    }

    /// <summary>A special token by its role, written as text or as an object with its content.</summary>
    public static string? Token(JsonObject config, string role) => (config[role] is JsonObject token ? token["content"] : config[role])?.GetValue<string>();

    /// <summary>The class that reads this tokenizer in Python, without the ending that says it is the fast one.</summary>
    public static string? Class(JsonObject config) => config["tokenizer_class"]?.GetValue<string>() is { } name
        ? name.EndsWith("Fast", StringComparison.Ordinal) ? name[..^4] : name : null;
}
