using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>
/// One sublayer after the surgeon's pass: the order of removal and the priors. With the dense W and H, which stay where they
/// are, the weights of any level can be rebuilt.
/// </summary>
/// <param name="weight">The model's own W, [rows, columns].</param>
/// <param name="statistics">Where H comes from; lives longer than this.</param>
/// <param name="rebuilt">What was rebuilt before; null for the level = the factor behind the levels.</param>
internal sealed class PrunableSublayer(
    int layer, Sublayer sublayer, Removal removal, Tensor weight, SublayerStatistics statistics, int structureSize,
    TensorCache<(int Layer, Sublayer Sublayer, int? Level)> rebuilt)
{
    public int Layer => layer;

    public Sublayer Sublayer => sublayer;

    public Removal Removal => removal;

    /// <summary>Structures left at a level, rising, and the output matrix for them, [rows, kept columns], in W's precision: rebuilt, or without repair as it was.</summary>
    /// <param name="level">At least 1.</param>
    public (IReadOnlyList<int> Kept, Tensor Weight) Rebuild(int level)
    {
        using var scope = NewDisposeScope();
        var kept = removal.Kept(level);
        if (!removal.Repair)
        {
            return (kept, weight.index_select(1, Surgeon.Columns(kept, structureSize, weight.device)).MoveToOuterDisposeScope());
        }

        var found = rebuilt.Find((layer, sublayer, level));
        if (found is null)
        {
            // From what goes last first to rising.
            var place = Enumerable.Range(0, level).ToDictionary(i => removal.Order[^(i + 1)]);
            var columns = Surgeon.Columns([.. kept.Select(s => place[s])], structureSize, weight.device);
            found = LevelFactor.Solve(Factor(level), columns.shape[0]).index_select(1, columns).to(weight.dtype);
            rebuilt.Keep((layer, sublayer, level), found);
        }

        return (kept, found.MoveToOuterDisposeScope());
    }

    /// <summary>A factor that holds this level and, mostly, others: it is made once for the largest level that was asked for.</summary>
    private Tensor Factor(int level)
    {
        if (rebuilt.Find((layer, sublayer, null)) is { } found && found.shape[1] >= (long)level * structureSize)
        {
            return found;
        }

        var hessian = statistics.Hessian();
        var columns = Surgeon.Columns([.. removal.Order.Reverse().Take(level)], structureSize, weight.device);
        var factor = LevelFactor.Create(weight, hessian, Surgeon.Lambda(hessian, removal.Damping), columns);
        rebuilt.Keep((layer, sublayer, null), factor);
        return factor;
    }
}
