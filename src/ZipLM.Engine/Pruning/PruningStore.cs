using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>Every sublayer of a model after the surgeon's pass.</summary>
internal sealed class PruningStore : IDisposable
{
    private readonly Dictionary<(int Layer, Sublayer Sublayer), PrunableSublayer> _sublayers = [];

    private PruningStore()
    {
    }

    /// <summary>The sublayers that are left in the model, in its order.</summary>
    public IEnumerable<PrunableSublayer> Sublayers => _sublayers.Values;

    public PrunableSublayer this[int layer, Sublayer sublayer] => _sublayers[(layer, sublayer)];

    /// <summary>Lets the surgeon pass through every sublayer.</summary>
    /// <param name="ready">Called as each sublayer is done.</param>
    public static PruningStore Build(
        Transformer model, CalibrationStatistics statistics, double damping, IReporter reporter,
        CancellationToken cancellationToken, Action<PrunableSublayer>? ready = null)
    {
        var store = new PruningStore();
        try
        {
            foreach (var block in model.Blocks)
            {
                reporter.Progress(new("Ordering structures", $"layer {block.Layer + 1} of {model.Blocks.Count}", block.Layer, model.Blocks.Count));
                Add(block.Layer, Sublayer.Attention, block.Attention?.Output, block.Attention?.HeadSize ?? 0);
                Add(block.Layer, Sublayer.FeedForward, block.FeedForward?.Output, 1);
            }

            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
        finally
        {
            reporter.Progress(new("Ordering structures", "done", 1, 1, Completed: true));
        }

        void Add(int layer, Sublayer sublayer, Linear? output, int structureSize)
        {
            if (output is null)
            {
                return;
            }

            using var scope = NewDisposeScope();
            var weight = output.Weight.detach().to(float64);
            var hessian = statistics[layer, sublayer].Hessian();
            var removal = Surgeon.Remove(weight, hessian, structureSize, damping, $"{sublayer} output matrix of layer {layer}", reporter, cancellationToken);
            var prunable = new PrunableSublayer(layer, sublayer, removal, weight.DetachFromDisposeScope(), hessian.DetachFromDisposeScope(), structureSize);
            store._sublayers.Add((layer, sublayer), prunable);
            ready?.Invoke(prunable);
        }
    }

    public void Dispose()
    {
        foreach (var sublayer in _sublayers.Values)
        {
            sublayer.Dispose();
        }
    }
}
