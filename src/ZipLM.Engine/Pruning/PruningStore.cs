using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>Every sublayer of a model after the surgeon's pass; model and statistics must outlive it.</summary>
internal sealed class PruningStore : IDisposable
{
    public const long DefaultCacheBytes = 256 << 20;

    private readonly Dictionary<(int Layer, Sublayer Sublayer), PrunableSublayer> _sublayers = [];
    private readonly TensorCache<(int Layer, Sublayer Sublayer, int? Level)> _rebuilt;

    private PruningStore(long cacheBytes) => _rebuilt = new(cacheBytes);

    /// <summary>The largest damping that a sublayer needed, as a share of the mean diagonal of H.</summary>
    public double LargestDamping => _sublayers.Values.Select(s => s.Removal.Damping).DefaultIfEmpty().Max();

    /// <summary>The worst condition number of a sublayer's damped H.</summary>
    public double WorstCondition => _sublayers.Values.Select(s => s.Removal.Condition ?? 0).DefaultIfEmpty().Max();

    /// <summary>The sublayers that are left in the model, in its order.</summary>
    public IEnumerable<PrunableSublayer> Sublayers => _sublayers.Values;

    public PrunableSublayer this[int layer, Sublayer sublayer] => _sublayers[(layer, sublayer)];

    /// <summary>Lets the surgeon pass through every sublayer.</summary>
    /// <param name="ready">Called as each sublayer is done.</param>
    /// <param name="scores">Another criterion's scores; null = the surgeon's own.</param>
    /// <param name="repair">False = the columns that are left stay as they are.</param>
    /// <param name="cacheBytes">Memory for rebuilt levels.</param>
    public static PruningStore Build(
        Transformer model, CalibrationStatistics statistics, double damping, IReporter reporter,
        CancellationToken cancellationToken, Action<PrunableSublayer>? ready = null, CriterionScores? scores = null, bool repair = true,
        long cacheBytes = DefaultCacheBytes)
    {
        const string activity = "Ordering structures";
        var store = Fill(model, statistics, cacheBytes, ready, (layer, sublayer, weight, hessian, size) =>
        {
            reporter.Progress(new(activity, $"layer {layer + 1} of {model.Blocks.Count}, {sublayer}", layer, model.Blocks.Count));
            return Surgeon.Remove(weight, hessian, size, damping, Where(layer, sublayer), reporter, cancellationToken,
                scores?.Of(layer, sublayer, weight, hessian, size), repair);
        }, cancellationToken);
        reporter.Progress(new(activity, "done", model.Blocks.Count, model.Blocks.Count, Completed: true));
        return store;
    }

    /// <summary>
    /// Takes order and priors from rows that were ranked before, one row for every structure of the model, all with the same
    /// criterion, repair and damping.
    /// </summary>
    /// <exception cref="ZipLMException">Rows are missing, or of another model.</exception>
    public static PruningStore Restore(
        Transformer model, CalibrationStatistics statistics, IReadOnlyList<StructureSaliency> rows, IReporter reporter,
        CancellationToken cancellationToken, long cacheBytes = DefaultCacheBytes)
    {
        var groups = rows.ToLookup(r => (r.Layer, r.Sublayer));
        return Fill(model, statistics, cacheBytes, null, (layer, sublayer, _, hessian, _) =>
        {
            var ordered = groups[(layer, sublayer)].OrderBy(r => r.Order).ToList();
            var first = ordered[0];
            return new(
                [.. ordered.Select(r => r.Index)],
                [.. ordered.OrderBy(r => r.Index).Select(r => r.Saliency)],
                [0, .. ordered.Select(r => r.PriorAfter)],
                first.Repair ? Surgeon.SufficientDamping(hessian, first.Damping, Where(layer, sublayer), reporter) : first.Damping,
                first.Condition,
                first.Repair);
        }, cancellationToken);
    }

    private static string Where(int layer, Sublayer sublayer) => $"{sublayer} output matrix of layer {layer}";

    private static PruningStore Fill(
        Transformer model, CalibrationStatistics statistics, long cacheBytes, Action<PrunableSublayer>? ready,
        Func<int, Sublayer, Tensor, Tensor, int, Removal> remove, CancellationToken cancellationToken)
    {
        var store = new PruningStore(cacheBytes);
        try
        {
            foreach (var block in model.Blocks)
            {
                Add(block.Layer, Sublayer.Attention, block.Attention?.Output, block.Attention?.StructureSize ?? 0);
                Add(block.Layer, Sublayer.FeedForward, block.FeedForward?.Output, 1);
            }

            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }

        void Add(int layer, Sublayer sublayer, Linear? output, int structureSize)
        {
            if (output is null)
            {
                return;
            }

            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var taken = statistics[layer, sublayer];
            var removal = remove(layer, sublayer, output.Weight.detach().to(float64), taken.Hessian(), structureSize);
            var prunable = new PrunableSublayer(layer, sublayer, removal, output.Weight, taken, structureSize, store._rebuilt);
            store._sublayers.Add((layer, sublayer), prunable);
            ready?.Invoke(prunable);
        }
    }

    public void Dispose() => _rebuilt.Dispose();
}
