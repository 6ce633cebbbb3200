using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Compression;

/// <summary>
/// Loss of plans, part by part of the search rows, at a low price: dropped sublayers are skipped, the others are as small as
/// the plans say, and as far as a plan begins like the best one so far, or like another that is evaluated with it, their
/// outputs are shared. Where plans that have parted have the same level, it runs once for all of them, their rows joined as
/// far as one batch goes: small batches leave a device idle. What is known of a plan is not computed again: corrected budgets
/// and other targets bring the same plans over and over.
/// </summary>
/// <param name="model">The model that is pruned; with the store it must outlive this.</param>
/// <param name="cacheBytes">For outputs; what does not fit is computed again.</param>
internal sealed class PlanLoss(Transformer model, PruningStore store, SearchLoss loss, long cacheBytes) : IDisposable
{
    private readonly OutputCache _outputs = new(cacheBytes);
    private readonly Dictionary<(string Plan, int Part), IReadOnlyList<double>> _known = [];
    private readonly Dictionary<(int Sublayer, int Level), Block> _blocks = [];
    private IReadOnlyList<PlanPath> _evaluated = [];
    private PlanPath? _best;

    /// <summary>Tokens so far, each as the share of the sublayers that it went through.</summary>
    public double ForwardTokens { get; private set; }

    /// <summary>Loss of the stitched model on each row of a part.</summary>
    public IReadOnlyList<double> Of(IReadOnlyList<LayerShape> plan, int part, CancellationToken cancellationToken) => Of([plan], part, cancellationToken)[0];

    /// <summary>The same for several plans at once.</summary>
    public IReadOnlyList<IReadOnlyList<double>> Of(IReadOnlyList<IReadOnlyList<LayerShape>> plans, int part, CancellationToken cancellationToken)
    {
        var paths = plans.Select(plan => new PlanPath(plan)).ToList();
        var unknown = paths.Where(path => !_known.ContainsKey((path.Key, part))).DistinctBy(path => path.Key).ToList();
        if (unknown.Count > 0)
        {
            _evaluated = unknown;
            Forget();
            Evaluate(unknown, part, cancellationToken);
        }

        return [.. paths.Select(path => _known[(path.Key, part)])];
    }

    /// <summary>A plan is the best from here; where it was not evaluated last there are no outputs to go on from, and the one before is kept.</summary>
    public void Keep(IReadOnlyList<LayerShape> plan)
    {
        var path = new PlanPath(plan);
        if (_evaluated.Any(p => p.Key == path.Key))
        {
            _best = path;
        }
    }

    public void Dispose()
    {
        _outputs.Dispose();
        foreach (var block in _blocks.Values)
        {
            block.Dispose();
        }
    }

    private void Evaluate(IReadOnlyList<PlanPath> paths, int part, CancellationToken cancellationToken)
    {
        var losses = paths.Select(_ => new List<double>()).ToList();
        var (start, count) = (part < loss.Parts.Count ? loss.Parts[part] : loss.Final!.Value).GetOffsetAndLength(loss.Batches.Count);
        for (var batch = start; batch < start + count; batch++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var (found, own) in EvaluateBatch(paths, batch, cancellationToken).Zip(losses))
            {
                own.AddRange(found);
            }
        }

        foreach (var (path, own) in paths.Zip(losses))
        {
            _known.Add((path.Key, part), own);
        }
    }

    private List<IReadOnlyList<double>> EvaluateBatch(IReadOnlyList<PlanPath> paths, int index, CancellationToken cancellationToken)
    {
        using var gradients = inference_mode();
        using var scope = NewDisposeScope();
        var all = paths[0].Sublayers;
        var start = paths.ToDictionary(path => path, path => Enumerable.Range(0, all).LastOrDefault(s => _outputs.Has(index, path.Prefix(s))));
        // Outputs behind the sublayers that are done, of each of the beginnings that the plans have.
        var behind = new Dictionary<string, Tensor>();
        for (var s = 0; s < all; s++)
        {
            foreach (var path in paths.Where(path => start[path] == s).DistinctBy(path => path.Prefix(s)))
            {
                behind[path.Prefix(s)] = First(path.Prefix(s), index);
            }

            var next = Advance(s, [.. paths.Where(path => start[path] <= s).DistinctBy(path => path.Prefix(s + 1))], behind, index, cancellationToken);
            foreach (var done in behind.Values)
            {
                done.Dispose();
            }

            behind = next;
        }

        return [.. paths.Select(path => Answer(behind[path.Key], index))];
    }

    private IReadOnlyList<double> Answer(Tensor last, int index)
    {
        // A language model's scores are large: one plan's at a time.
        using var scope = NewDisposeScope();
        return loss.OfRows(index, model.Answer(last, loss.Batches[index], loss.Options));
    }

    /// <summary>What a plan's sublayers begin with: an output that was kept, or the embeddings.</summary>
    private Tensor First(string prefix, int index)
    {
        if (_outputs.Has(index, prefix))
        {
            return _outputs.Get(index, prefix);
        }

        var embeddings = model.Embeddings.Forward(loss.Batches[index], loss.Options);
        _outputs.Add(index, prefix, embeddings);
        return embeddings;
    }

    /// <summary>One sublayer further: the outputs behind it, by what the plans then begin with.</summary>
    /// <param name="paths">One for each output that is missing.</param>
    /// <param name="behind">The outputs before it.</param>
    private Dictionary<string, Tensor> Advance(
        int sublayer, IReadOnlyList<PlanPath> paths, IReadOnlyDictionary<string, Tensor> behind, int index, CancellationToken cancellationToken)
    {
        var outputs = new Dictionary<string, Tensor>();
        var most = Math.Max(1, loss.BatchSize / loss.Batches[index].Rows.Count);
        foreach (var joined in paths.GroupBy(path => path.Level(sublayer)).SelectMany(same => same.Chunk(most)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var found = Run(sublayer, joined[0], [.. joined.Select(path => behind[path.Prefix(sublayer)])], loss.Batches[index], cancellationToken);
            foreach (var (path, output) in joined.Zip(found))
            {
                outputs.Add(path.Prefix(sublayer + 1), output);
                if (sublayer + 1 < path.Sublayers)
                {
                    _outputs.Add(index, path.Prefix(sublayer + 1), output);
                }
            }
        }

        return outputs;
    }

    /// <summary>Runs a sublayer as a plan has it on the outputs of several, [batch, length, hidden], as one batch.</summary>
    private IReadOnlyList<Tensor> Run(int sublayer, PlanPath plan, IReadOnlyList<Tensor> inputs, Batch batch, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var (kind, level) = (PlanPath.Kind(sublayer), plan.Level(sublayer));
        var block = Block(sublayer, level, cancellationToken);
        if (level == 0 && block.PreNorm)
        {
            // Nothing is left of it, not even the norm.
            return [.. inputs.Select(input => input.clone().MoveToOuterDisposeScope())];
        }

        ForwardTokens += level > 0 ? (double)batch.TokenCount * inputs.Count / plan.Sublayers : 0;
        var x = inputs.Count == 1 ? inputs[0] : cat([.. inputs]);
        var mask = Transformer.AttentionMask(batch);
        var output = kind == Sublayer.Attention
            ? block.AttentionSublayer(x, inputs.Count == 1 ? mask : mask?.repeat(inputs.Count, 1, 1, 1), loss.Options)
            : block.FeedForwardSublayer(x, loss.Options);
        // Apart in memory, so that each can be freed without the others.
        return [.. (inputs.Count == 1 ? [output] : output.chunk(inputs.Count).Select(part => part.clone())).Select(part => part.MoveToOuterDisposeScope())];
    }

    /// <summary>A block that has one sublayer at a level and not the other.</summary>
    private Block Block(int sublayer, int level, CancellationToken cancellationToken)
    {
        if (!_blocks.TryGetValue((sublayer, level), out var block))
        {
            // What the store rebuilds here it keeps for the models that are made in the end, which are to learn.
            using var normal = inference_mode(false);
            using var gradients = no_grad();
            var layer = sublayer / 2;
            LayerShape shape = PlanPath.Kind(sublayer) == Sublayer.Attention ? new(layer, level, 0) : new(layer, 0, level);
            block = _blocks[(sublayer, level)] = Shrinker.Shrink(model.Blocks[layer], shape, store, cancellationToken);
        }

        return block;
    }

    /// <summary>Frees what neither the best plan nor those that are evaluated now have.</summary>
    private void Forget()
    {
        IReadOnlyList<PlanPath> kept = _best is null ? _evaluated : [.. _evaluated, _best];
        _outputs.KeepOnly(kept.SelectMany(path => path.Prefixes).ToHashSet());
        var levels = kept.SelectMany(path => Enumerable.Range(0, path.Sublayers).Select(s => (s, path.Level(s)))).ToHashSet();
        foreach (var key in _blocks.Keys.Where(key => !levels.Contains(key)).ToList())
        {
            _blocks.Remove(key, out var block);
            block!.Dispose();
        }
    }
}
