using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>Initial weights as BERT's and GPT-2's authors chose them: N(0, σ²), biases 0, LayerNorm weights 1.</summary>
internal static class RandomWeights
{
    /// <summary>Weights of these names and shapes; the caller owns them.</summary>
    /// <param name="standardDeviation">σ; <c>initializer_range</c> of a config.</param>
    public static Dictionary<string, Parameter> Create(
        IEnumerable<(string Name, long[] Shape)> tensors, int seed, double standardDeviation, Device device, ScalarType type)
    {
        // Drawn on the CPU, so that a seed means the same weights on every device.
        using var generator = new Generator((ulong)seed);
        return tensors.ToDictionary(t => t.Name, t =>
        {
            using var scope = NewDisposeScope();
            var values = t.Name.EndsWith(".bias", StringComparison.Ordinal) ? zeros(t.Shape)
                : t.Name.EndsWith("LayerNorm.weight", StringComparison.Ordinal) ? ones(t.Shape)
                : randn(t.Shape, generator: generator) * standardDeviation;
            return WeightHolder.Own(values.to(type).to(device));
        });
    }
}
