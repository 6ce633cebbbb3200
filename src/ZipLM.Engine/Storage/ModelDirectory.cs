using System.Text.Json.Nodes;

namespace ZipLM.Engine.Storage;

/// <summary>The files of a model's directory that tell what it is.</summary>
internal static class ModelDirectory
{
    /// <summary>Hugging Face's description of a model.</summary>
    public const string ConfigFile = "config.json";

    /// <summary>What ZipLM records beside it.</summary>
    public const string RecordFile = "ziplm.json";

    /// <summary>How transformers generates text with a model, unless told otherwise.</summary>
    public const string GenerationFile = "generation_config.json";

    /// <summary>What transformers takes for which special token.</summary>
    public const string SpecialTokensFile = "special_tokens_map.json";

    /// <summary>
    /// Whether a directory is a model beyond doubt, so that it may be replaced: many programs keep a config.json, but
    /// none other beside weights and with a <c>model_type</c> in it.
    /// </summary>
    public static bool IsModel(string directory)
    {
        if (!new[] { Checkpoint.SingleFile, Checkpoint.IndexFile, RecordFile }.Any(name => File.Exists(Path.Combine(directory, name))))
            return false;
        try
        {
            return JsonFile.Read(Path.Combine(directory, ConfigFile))["model_type"] is JsonValue type && type.TryGetValue<string>(out _);
        }
        catch (ZipLMException)
        {
            return false;
        }
    }
}
