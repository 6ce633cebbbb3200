using System.Text.Json.Nodes;

namespace ZipLM.Engine.Models;

/// <summary>Which model families are read.</summary>
internal static class ModelFamilies
{
    /// <summary>Reads a <c>config.json</c>.</summary>
    /// <param name="where">Its path, for messages.</param>
    /// <exception cref="ZipLMException">The model family or architecture is not supported, or a value is wrong.</exception>
    public static ModelDescription Describe(JsonObject json, string where)
    {
        var config = new ConfigReader(json, where);
        var type = config.Text("model_type", "");
        return type == Bert.ModelFamily
            ? Bert.Describe(config)
            : throw new ZipLMException("ModelFamilyUnknown", ErrorKind.InvalidData,
                $"{where} describes a model of type '{type}', which is not supported.",
                $"Supported: {Bert.ModelFamily} ({string.Join(", ", Bert.Architectures)}).", type);
    }
}
