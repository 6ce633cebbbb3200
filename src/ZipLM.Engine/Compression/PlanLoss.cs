using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Compression;

/// <summary>
/// Loss of plans, part by part of the search rows, at a low price: dropped sublayers are skipped, the others are as small as
/// the plan says, and as far as a plan begins like the best one so far it goes on from that one's activations. What is known
/// of a plan is not computed again: corrected budgets and other targets bring the same plans over and over.
/// </summary>
/// <param name="model">The model that is pruned; with the store it must outlive this.</param>
/// <param name="cacheBytes">For activations; what does not fit is computed again.</param>
internal sealed class PlanLoss(Transformer model, PruningStore store, SearchLoss loss, long cacheBytes) : IDisposable
{
    /// <summary>Outputs of the best plan, by batch and by how many sublayers they are behind.</summary>
    private readonly Dictionary<(int Batch, int Sublayers), Tensor> _best = [];

    /// <summary>The same of the plan that is being evaluated, beyond what it shares with the best.</summary>
    private readonly Dictionary<(int Batch, int Sublayers), Tensor> _own = [];

    private readonly Dictionary<(string Plan, int Part), IReadOnlyList<double>> _known = [];
    private readonly Dictionary<int, Block> _blocks = [];
    private IReadOnlyList<LayerShape> _asked = [];
    private IReadOnlyList<LayerShape> _plan = [];
    private IReadOnlyList<LayerShape> _bestPlan = [];
    private long _bytes;

    /// <summary>Tokens so far, each as the share of the sublayers that it went through.</summary>
    public double ForwardTokens { get; private set; }

    /// <summary>Loss of the stitched model on each row of a part.</summary>
    public IReadOnlyList<double> Of(IReadOnlyList<LayerShape> plan, int part, CancellationToken cancellationToken)
    {
        _asked = plan;
        var key = (string.Join(' ', plan), part);
        if (_known.TryGetValue(key, out var known))
        {
            return known;
        }

        if (!plan.SequenceEqual(_plan))
        {
            Forget(_own, _ => true);
            FreeBlocks();
            _plan = plan;
        }

        var losses = new List<double>();
        var (start, count) = (part < loss.Parts.Count ? loss.Parts[part] : loss.Final!.Value).GetOffsetAndLength(loss.Batches.Count);
        for (var batch = start; batch < start + count; batch++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            losses.AddRange(OfBatch(batch, cancellationToken));
        }

        _known.Add(key, losses);
        return losses;
    }

    /// <summary>The plan that was asked for last is the best from here.</summary>
    public void Keep()
    {
        if (!_asked.SequenceEqual(_plan))
        {
            // Nothing was computed for it: there are no activations to go on from.
            return;
        }

        var shared = Shared();
        Forget(_best, key => key.Sublayers > shared);
        foreach (var (key, output) in _own)
        {
            _best.Add(key, output);
        }

        _own.Clear();
        _bestPlan = _plan;
    }

    public void Dispose()
    {
        Forget(_own, _ => true);
        Forget(_best, _ => true);
        FreeBlocks();
    }

    private IReadOnlyList<double> OfBatch(int index, CancellationToken cancellationToken)
    {
        using var gradients = inference_mode();
        using var scope = NewDisposeScope();
        var batch = loss.Batches[index];
        var mask = Transformer.AttentionMask(batch);
        var all = 2 * model.Blocks.Count;
        var from = Enumerable.Range(0, Shared() + 1).LastOrDefault(s => _best.ContainsKey((index, s)), -1);
        var x = from < 0 ? Remember(index, 0, model.Embeddings.Forward(batch, loss.Options)) : _best[(index, from)].alias();
        var executed = 0;
        for (var s = Math.Max(from, 0); s < all; s++)
        {
            using var inner = NewDisposeScope();
            var block = Block(s / 2, cancellationToken);
            var output = s % 2 == 0 ? block.AttentionSublayer(x, mask, loss.Options) : block.FeedForwardSublayer(x, loss.Options);
            x.Dispose();
            x = (s + 1 < all ? Remember(index, s + 1, output) : output).MoveToOuterDisposeScope();
            executed += _plan[s / 2].Level(s % 2 == 0 ? Sublayer.Attention : Sublayer.FeedForward) > 0 ? 1 : 0;
        }

        ForwardTokens += (double)batch.TokenCount * executed / all;
        return loss.OfRows(index, model.Answer(x, batch, loss.Options));
    }

    /// <summary>Sublayers from the first on in which the plan is like the best one.</summary>
    private int Shared()
    {
        var (both, same) = (Math.Min(_plan.Count, _bestPlan.Count), 0);
        while (same < both && _plan[same] == _bestPlan[same])
        {
            same++;
        }

        return (2 * same) + (same < both && _plan[same].Heads == _bestPlan[same].Heads ? 1 : 0);
    }

    private Block Block(int layer, CancellationToken cancellationToken)
    {
        if (!_blocks.TryGetValue(layer, out var block))
        {
            // What the store rebuilds here it keeps for the models that are made in the end, which are to learn.
            using var normal = inference_mode(false);
            using var gradients = no_grad();
            block = _blocks[layer] = Shrinker.Shrink(model.Blocks[layer], _plan[layer], store, cancellationToken);
        }

        return block;
    }

    /// <summary>Keeps an output where there is room: that of the first parts, which most plans are evaluated on, comes first.</summary>
    /// <returns>The output.</returns>
    private Tensor Remember(int batch, int sublayers, Tensor output)
    {
        var bytes = Bytes(output);
        // A plan that is evaluated again, for another budget, has them already.
        if (_bytes + bytes <= cacheBytes && !_own.ContainsKey((batch, sublayers)))
        {
            _bytes += bytes;
            _own.Add((batch, sublayers), output.alias().DetachFromDisposeScope());
        }

        return output;
    }

    private void Forget(Dictionary<(int Batch, int Sublayers), Tensor> outputs, Predicate<(int Batch, int Sublayers)> which)
    {
        foreach (var key in outputs.Keys.Where(key => which(key)).ToList())
        {
            outputs.Remove(key, out var output);
            _bytes -= Bytes(output!);
            output!.Dispose();
        }
    }

    private void FreeBlocks()
    {
        foreach (var block in _blocks.Values)
        {
            block.Dispose();
        }

        _blocks.Clear();
    }

    private static long Bytes(Tensor tensor) => tensor.numel() * tensor.element_size();
}
