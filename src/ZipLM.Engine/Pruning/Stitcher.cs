using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>Puts a plan's rebuilt output matrices into a copy of the dense model: every matrix keeps its size, removed structures get zeros.</summary>
internal static class Stitcher
{
    /// <summary>The stitched model, which computes the same function as the shrunk one.</summary>
    public static Transformer Stitch(Transformer model, PruningStore store, IReadOnlyList<LayerShape> plan)
    {
        using var gradients = no_grad();
        return model.WithBlocks([.. model.Blocks.Zip(plan, (block, shape) => block.With(
            block.Attention is { } attention
                ? attention.WithOutput(Stitch(attention.Output, attention.Heads, attention.StructureSize, shape, Sublayer.Attention, store))
                : null,
            block.FeedForward is { } feedForward
                ? feedForward.WithOutput(Stitch(feedForward.Output, feedForward.Width, 1, shape, Sublayer.FeedForward, store))
                : null))]);
    }

    private static Linear Stitch(Linear output, int full, int size, LayerShape shape, Sublayer sublayer, PruningStore store)
    {
        var level = shape.Level(sublayer);
        if (level == full)
        {
            return output.Copy();
        }

        using var scope = NewDisposeScope();
        var weight = zeros_like(output.Weight);
        if (level == 0)
        {
            // Dropped whole: the bias goes too.
            return output.With(weight, output.Bias is null ? null : zeros_like(output.Bias));
        }

        var (kept, rebuilt) = store[shape.Layer, sublayer].Rebuild(level);
        var columns = tensor(kept.SelectMany(s => Enumerable.Range(s * size, size)).Select(i => (long)i).ToArray(), device: weight.device);
        weight.index_copy_(1, columns, rebuilt.to(weight.dtype));
        return output.WithWeight(weight);
    }
}
