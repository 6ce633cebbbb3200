using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Latency;

/// <summary>Measures the time of both kinds of sublayer at every level, of the rest of the model, and of the dense model.</summary>
internal sealed class LatencyTableBuilder(TorchSession session, IReporter reporter)
{
    private const string Activity = "Measuring latency";

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
        using var dense = Random(description.Dense, cancellationToken);
        using var empty = Random(description.Uniform(0, 0), cancellationToken);
        using var hidden = randn([batchSize, sequenceLength, description.HiddenSize], dtype: session.ScalarType, device: session.TorchDevice).DetachFromDisposeScope();
        var levels = new List<(Sublayer Sublayer, int Level, Transformer Owner)>();
        try
        {
            var wanted = Enum.GetValues<Sublayer>().SelectMany(s => grid(s).Select(level => (Sublayer: s, Level: level))).ToList();
            foreach (var (sublayer, level) in wanted)
            {
                levels.Add((sublayer, level, Random(Alone(description, sublayer, level), cancellationToken)));
                reporter.Progress(new(Activity, $"making level {levels.Count} of {wanted.Count}", levels.Count, wanted.Count));
            }

            reporter.Verbose($"Measuring {levels.Count} levels, the dense and the empty model in {rounds} interleaved rounds: {timer.Environment}");
            List<Action> cases = [timer.Whole(dense), timer.Whole(empty), .. levels.Select(l => ForwardTimer.Sublayer(l.Owner.Blocks[0], l.Sublayer, hidden))];
            var times = timer.Measure(cases, rounds, Activity, reporter, cancellationToken);
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
    /// <param name="times">Of the dense model, the empty model, and each of <paramref name="levels"/> alone.</param>
    internal static LatencyTable Assemble(
        Model handle, InferenceEnvironment environment, ModelDescription description,
        IReadOnlyList<(Sublayer Sublayer, int Level)> levels, IReadOnlyList<MedianInterval> times, int rounds)
    {
        var (dense, empty) = (times[0].Median, times[1].Median);
        var alone = levels.Select((l, i) => (Key: l, Time: times[i + 2])).ToDictionary(p => p.Key, p => p.Time);
        var layers = description.Layers.Count;
        var droppedAlone = layers * (alone[(Sublayer.Attention, 0)].Median + alone[(Sublayer.FeedForward, 0)].Median);
        var aboveAlone = layers * (Above((Sublayer.Attention, description.DenseHeads)) + Above((Sublayer.FeedForward, description.DenseWidth)));
        // Alone, dropped sublayers may take longer than the whole empty model does: they then are all of it.
        var droppedScale = droppedAlone > empty ? empty / droppedAlone : 1;
        var aboveScale = aboveAlone > 0 && dense > empty ? (dense - empty) / aboveAlone : 1;
        return new(handle, environment,
            [.. levels.Select(l => new LatencyLevel(l.Sublayer, l.Level,
                (droppedScale * alone[(l.Sublayer, 0)].Median) + (aboveScale * Above(l)), alone[l].Spread))],
            empty - (droppedScale * droppedAlone), dense, rounds);

        // No level is faster than dropping the sublayer; where it seems so, that is noise, which scaling would blow up.
        double Above((Sublayer Sublayer, int) level) => Math.Max(0, alone[level].Median - alone[(level.Sublayer, 0)].Median);
    }

    /// <summary>Time does not depend on the values of the weights, so the table needs none of the model's.</summary>
    private Transformer Random(ModelDescription shaped, CancellationToken cancellationToken) => RandomModel.Create(shaped, session, cancellationToken);

    /// <summary>A model that is hardly more than one sublayer: all levels are in memory at once, so none brings embeddings or a head along.</summary>
    private static ModelDescription Alone(ModelDescription description, Sublayer sublayer, int level) => description with
    {
        Layers = [sublayer == Sublayer.Attention ? new(0, level, 0) : new(0, 0, level)],
        VocabularySize = 1,
        MaximumSequenceLength = 1,
        Task = ModelTask.FeatureExtraction,
    };
}
