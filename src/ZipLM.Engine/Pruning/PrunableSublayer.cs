using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>
/// One sublayer after the surgeon's pass: the order of removal, H and the dense W, from which the weights of any level
/// can be rebuilt.
/// </summary>
internal sealed class PrunableSublayer(int layer, Sublayer sublayer, Removal removal, Tensor weight, Tensor hessian, int structureSize) : IDisposable
{
    public int Layer => layer;

    public Sublayer Sublayer => sublayer;

    public Removal Removal => removal;

    /// <summary>Structures left at a level, rising, and the output matrix for them, double [rows, kept columns]: rebuilt, or without repair as it was.</summary>
    public (IReadOnlyList<int> Kept, Tensor Weight) Rebuild(int level)
    {
        var kept = removal.Kept(level);
        return (kept, removal.Repair
            ? Surgeon.Rebuild(weight, hessian, structureSize, removal.Damping, kept)
            : Surgeon.Keep(weight, structureSize, kept));
    }

    public void Dispose()
    {
        weight.Dispose();
        hessian.Dispose();
    }
}
