using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Latency;

/// <summary>Measures the time of both kinds of sublayer at every level, of the rest of the model, and of the dense model.</summary>
internal sealed class LatencyTableBuilder(TorchSession session, IReporter reporter)
{
    /// <summary>Measures a table; runs on the session's worker thread.</summary>
    /// <param name="handle">The model that the table belongs to.</param>
    /// <param name="description">Its dimensions.</param>
    /// <param name="grid">The levels of a kind of sublayer.</param>
    /// <param name="rounds">Interleaved rounds.</param>
    public LatencyTable Build(
        Model handle, ModelDescription description, Func<Sublayer, IReadOnlyList<int>> grid, int batchSize, int sequenceLength,
        int rounds, CancellationToken cancellationToken)
    {
        using var timer = new ForwardTimer(session, description, batchSize, sequenceLength);
        using var dense = Random(Shaped(description, description.DenseHeads, description.DenseWidth));
        using var empty = Random(Shaped(description, 0, 0));
        using var hidden = randn([batchSize, sequenceLength, description.HiddenSize], device: session.TorchDevice).DetachFromDisposeScope();
        var levels = new List<(Sublayer Sublayer, int Level, Transformer Owner)>();
        try
        {
            foreach (var sublayer in Enum.GetValues<Sublayer>())
            {
                foreach (var level in grid(sublayer))
                {
                    var shape = sublayer == Sublayer.Attention ? new LayerShape(0, level, 0) : new LayerShape(0, 0, level);
                    levels.Add((sublayer, level, Random(description with { Layers = [shape] })));
                }
            }

            reporter.Verbose($"Measuring {levels.Count} levels, the dense and the empty model in {rounds} interleaved rounds: {timer.Environment}");
            List<Action> cases = [timer.Whole(dense), timer.Whole(empty), .. levels.Select(l => ForwardTimer.Sublayer(l.Owner.Blocks[0], l.Sublayer, hidden))];
            var times = timer.Measure(cases, Math.Max(rounds / 5, 3), rounds, cancellationToken,
                round => reporter.Progress(new("Measuring latency", $"round {round + 1} of {rounds}", round + 1, rounds)));
            reporter.Progress(new("Measuring latency", "done", rounds, rounds, Completed: true));
            return Assemble(handle, timer.Environment, description, [.. levels.Select(l => (l.Sublayer, l.Level))], [.. times.Select(t => MedianInterval.Of(t))], rounds);
        }
        finally
        {
            foreach (var level in levels)
            {
                level.Owner.Dispose();
            }
        }
    }

    /// <summary>
    /// Two anchors end to end, the dense and the empty model, fix what single sublayers cannot tell: T_rest is what the
    /// empty model takes beside its dropped sublayers, and the part of a level above "dropped" is scaled so that the
    /// dense sublayers add up to the dense model (alone, a sublayer finds its weights and instructions in warmer caches).
    /// </summary>
    private static LatencyTable Assemble(
        Model handle, InferenceEnvironment environment, ModelDescription description,
        IReadOnlyList<(Sublayer Sublayer, int Level)> levels, IReadOnlyList<MedianInterval> times, int rounds)
    {
        var (dense, empty) = (times[0].Median, times[1].Median);
        var alone = levels.Select((l, i) => (Key: l, Time: times[i + 2])).ToDictionary(p => p.Key, p => p.Time);
        var layers = description.Layers.Count;
        var dropped = Enum.GetValues<Sublayer>().ToDictionary(s => s, s => alone[(s, 0)].Median);
        var above = layers * (alone[(Sublayer.Attention, description.DenseHeads)].Median - dropped[Sublayer.Attention]
            + alone[(Sublayer.FeedForward, description.DenseWidth)].Median - dropped[Sublayer.FeedForward]);
        var scale = above > 0 && dense > empty ? (dense - empty) / above : 1;
        var rest = Math.Max(0, empty - (layers * dropped.Values.Sum()));
        return new(handle, environment,
            [.. levels.Select(l => new LatencyLevel(l.Sublayer, l.Level,
                dropped[l.Sublayer] + (scale * (alone[l].Median - dropped[l.Sublayer])), alone[l].Spread))],
            rest, dense, rounds);
    }

    /// <summary>Time does not depend on the values of the weights, so the table needs none of the model's.</summary>
    private Transformer Random(ModelDescription shaped) => RandomModel.Create(shaped, session);

    private static ModelDescription Shaped(ModelDescription description, int heads, int width) =>
        description with { Layers = [.. description.Layers.Select(l => new LayerShape(l.Layer, heads, width))] };
}
