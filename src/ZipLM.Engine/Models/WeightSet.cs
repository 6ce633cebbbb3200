using TorchSharp.Modules;

namespace ZipLM.Engine.Models;

/// <summary>Hands out a model's parameters as the parts that they form.</summary>
internal sealed class WeightSet(IReadOnlyDictionary<string, Parameter> weights)
{
    public Embedding Table(string name) => new(name, weights[$"{name}.weight"]);

    /// <summary>With a bias where there is one.</summary>
    public Linear Linear(string name) => new(name, weights[$"{name}.weight"], weights.GetValueOrDefault($"{name}.bias"));

    public LayerNorm LayerNorm(string name, double epsilon) => new(name, weights[$"{name}.weight"], weights[$"{name}.bias"], epsilon);

    public RmsNorm RmsNorm(string name, double epsilon) => new(name, weights[$"{name}.weight"], epsilon);

    /// <summary>Tied to the word embeddings where it has no matrix of its own.</summary>
    public Decoder Decoder(string weight, string? bias, TokenEmbeddings embeddings) => new(
        weight, weights.ContainsKey(weight) ? null : embeddings.Words, weights.GetValueOrDefault(weight),
        bias, bias is null ? null : weights[bias]);
}
