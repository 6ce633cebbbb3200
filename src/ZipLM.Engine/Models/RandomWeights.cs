using TorchSharp.Modules;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>Initial weights as BERT's and GPT-2's authors chose them: N(0, σ²), biases 0, weights of norms 1.</summary>
internal static class RandomWeights
{
    /// <summary>Weights of these names and shapes; the caller owns them.</summary>
    /// <param name="standardDeviation">σ; <c>initializer_range</c> of a config.</param>
    public static Dictionary<string, Parameter> Create(
        IEnumerable<(string Name, long[] Shape)> tensors, int seed, double standardDeviation, Device device, ScalarType type,
        CancellationToken cancellationToken)
    {
        // Drawn on the CPU, so that a seed means the same weights on every device.
        using var generator = new Generator((ulong)seed);
        var weights = new Dictionary<string, Parameter>();
        try
        {
            foreach (var (name, shape) in tensors)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                var values = name.EndsWith(".bias", StringComparison.Ordinal) ? zeros(shape)
                    : shape.Length == 1 ? ones(shape)
                    : randn(shape, generator: generator).Times(standardDeviation);
                weights.Add(name, WeightHolder.Own(values.to(type).to(device)));
            }

            return weights;
        }
        catch
        {
            foreach (var weight in weights.Values)
            {
                weight.Dispose();
            }

            throw;
        }
    }
}
