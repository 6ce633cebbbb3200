using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>Makes the matrices of a model really smaller, as a plan says.</summary>
internal static class Shrinker
{
    /// <summary>The shrunk model: a copy that holds only the structures that the plan leaves, with rebuilt output matrices.</summary>
    public static Transformer Shrink(Transformer model, PruningStore store, IReadOnlyList<LayerShape> plan)
    {
        using var gradients = no_grad();
        return model.WithBlocks([.. model.Blocks.Zip(plan, (block, shape) => block.With(
            Keep(block.Attention, block.Attention?.Heads ?? 0, shape, Sublayer.Attention, store, (a, kept, w) => a.Keep(kept, w), a => a.Copy()),
            Keep(block.FeedForward, block.FeedForward?.Width ?? 0, shape, Sublayer.FeedForward, store, (f, kept, w) => f.Keep(kept, w), f => f.Copy())))]);
    }

    private static T? Keep<T>(
        T? part, int full, LayerShape shape, Sublayer sublayer, PruningStore store,
        Func<T, IReadOnlyList<int>, Tensor, T> keep, Func<T, T> copy)
        where T : class
    {
        var level = shape.Level(sublayer);
        if (part is null || level == 0)
        {
            return null;
        }

        if (level == full)
        {
            return copy(part);
        }

        using var scope = NewDisposeScope();
        var (kept, weight) = store[shape.Layer, sublayer].Rebuild(level);
        return keep(part, kept, weight);
    }
}
