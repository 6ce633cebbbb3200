using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>Makes the matrices of a model really smaller, as a plan says.</summary>
internal static class Shrinker
{
    /// <summary>The shrunk model: a copy that holds only the structures that the plan leaves, with rebuilt output matrices.</summary>
    public static Transformer Shrink(Transformer model, PruningStore store, IReadOnlyList<LayerShape> plan, CancellationToken cancellationToken)
    {
        using var gradients = no_grad();
        var blocks = new List<Block>();
        try
        {
            foreach (var (block, shape) in model.Blocks.Zip(plan))
            {
                blocks.Add(Shrink(block, shape, store, cancellationToken));
            }

            return model.WithBlocks(blocks);
        }
        catch
        {
            blocks.ForEach(b => b.Dispose());
            throw;
        }
    }

    /// <summary>One block of it.</summary>
    public static Block Shrink(Block block, LayerShape shape, PruningStore store, CancellationToken cancellationToken)
    {
        var attention = Keep(
            block.Attention, block.Attention?.Heads ?? 0, shape, Sublayer.Attention, store, (a, kept, w) => a.Keep(kept, w), a => a.Copy(), cancellationToken);
        try
        {
            return block.With(attention, Keep(
                block.FeedForward, block.FeedForward?.Width ?? 0, shape, Sublayer.FeedForward, store, (f, kept, w) => f.Keep(kept, w), f => f.Copy(), cancellationToken));
        }
        catch
        {
            foreach (var holder in attention?.Holders ?? [])
            {
                holder.Dispose();
            }

            throw;
        }
    }

    private static T? Keep<T>(
        T? part, int full, LayerShape shape, Sublayer sublayer, PruningStore store,
        Func<T, IReadOnlyList<int>, Tensor, T> keep, Func<T, T> copy, CancellationToken cancellationToken)
        where T : class
    {
        cancellationToken.ThrowIfCancellationRequested();
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
