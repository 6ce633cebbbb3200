using System.Text.Json.Nodes;

namespace ZipLM.Engine.Models;

/// <summary>Which model families are read.</summary>
internal static class ModelFamilies
{
    public static IReadOnlyList<IModelFamily> All { get; } =
        [new Bert(), new Roberta("roberta", "Roberta"), new Roberta("xlm-roberta", "XLMRoberta"), new DistilBert(), new Gpt2(), new Llama()];

    /// <summary>Reads a <c>config.json</c>.</summary>
    /// <param name="where">Its path, for messages.</param>
    /// <exception cref="ZipLMException">The model family or architecture is not supported, or a value is wrong.</exception>
    public static ModelDescription Describe(JsonObject json, string where)
    {
        var config = new ConfigReader(json, where);
        var type = config.Text("model_type", "");
        return All.FirstOrDefault(f => f.Name == type)?.Describe(config)
            ?? throw new ZipLMException("ModelFamilyUnknown", ErrorKind.InvalidData,
                $"{where} describes a model of type '{type}', which is not supported.",
                $"Supported: {string.Join("; ", All.Select(f => $"{f.Name} ({string.Join(", ", f.Architectures)})"))}.", type);
    }
}
