using ZipLM.Engine.Models;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace ZipLM.Engine.Export;

/// <summary>
/// A pruned model as a dense one that computes the same: matrices of full size with zeros where structures are gone. What is
/// left stands first. A dropped sublayer is all zeros, its output's bias too, so that it adds exactly nothing.
/// </summary>
internal static class DenseTwin
{
    /// <summary>The parameters of the dense model; the dispose scope owns them.</summary>
    public static Dictionary<string, Parameter> Parameters(ModelDescription model, Transformer weights)
    {
        var own = weights.Parameters.ToDictionary(p => p.Name, p => p.Parameter);
        var like = weights.Embeddings.Words.Weight;
        return model.Family.Tensors(model.Dense).ToDictionary(t => t.Name, t =>
        {
            if (own.TryGetValue(t.Name, out var kept) && kept.shape.SequenceEqual(t.Shape))
            {
                return kept;
            }

            // The weight of a norm that went with its sublayer: any number does, and 1 is what a norm begins with.
            var isNorm = kept is null && t.Shape.Length == 1 && t.Name.EndsWith(".weight", StringComparison.Ordinal);
            var full = isNorm ? ones(t.Shape, like.dtype, like.device) : zeros(t.Shape, like.dtype, like.device);
            if (kept is not null)
            {
                var corner = kept.shape.Index().Aggregate(full, (part, size) => part.narrow(size.Index, 0, size.Item));
                corner.copy_(kept.detach());
            }

            return new Parameter(full, requires_grad: false);
        });
    }
}
