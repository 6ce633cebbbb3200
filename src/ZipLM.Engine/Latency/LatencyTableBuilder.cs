using System.Globalization;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Latency;

/// <summary>Measures the time of both kinds of sublayer at every level, of the rest of the model, and of the dense model.</summary>
internal sealed class LatencyTableBuilder(TorchSession session, IReporter reporter)
{
    /// <summary>Half the 95 % confidence interval that a time shall have at most, as a share of it.</summary>
    private const double WidestInterval = 0.02;

    /// <summary>The fastest models that are asked for are about so many times as fast: less than that share of the dense time does not count.</summary>
    private const double FastestSpeedup = 8;

    private const int Portion = 20;

    /// <summary>What is not known after so many rounds has other causes than chance.</summary>
    private const int MostRounds = 400;

    private static readonly TimeSpan LongestMeasuring = TimeSpan.FromSeconds(120);

    /// <summary>Measures a table; runs on the session's worker thread.</summary>
    /// <param name="handle">The model that the table belongs to.</param>
    /// <param name="description">Its dimensions.</param>
    /// <param name="grid">The levels of a kind of sublayer.</param>
    /// <param name="rounds">Interleaved rounds; null = until each time that counts is known within 2 %, or for 400 rounds or 120 s.</param>
    public LatencyTable Build(
        Model handle, ModelDescription description, Func<Sublayer, IReadOnlyList<int>> grid, ForwardTimer timer,
        int? rounds, CancellationToken cancellationToken)
    {
        using var cases = new LatencyCases(session, description, grid, timer, reporter, cancellationToken);
        reporter.Verbose($"Measuring {cases.Levels.Count} levels in stacks of {cases.Depth}, the dense and the empty model in interleaved rounds: {timer.Environment}");
        var plan = rounds is { } given ? new RoundPlan(given) : new RoundPlan(Portion)
        {
            IsEnough = times => times[0].Length >= MostRounds || Uncertainties(Intervals(times)).All(u => u <= WidestInterval),
            Longest = LongestMeasuring,
        };
        var measured = timer.Measure(cases.Passes, plan, "Measuring latency", reporter, cancellationToken);
        var intervals = Intervals(measured);
        var uncertainties = Uncertainties(intervals).ToList();
        if (rounds is null && uncertainties.Count(u => u > WidestInterval) is var wide && wide > 0)
        {
            reporter.Warning(string.Create(CultureInfo.InvariantCulture,
                $"After {measured[0].Length} rounds {wide} of {intervals.Length} times are still not known within {WidestInterval * 100:0} % (the worst within {uncertainties.Max() * 100:0.0} %): ")
                + "something else keeps the machine busy. Predictions may be off by as much; give more -Rounds to Measure-LayerLatency, or a quieter machine.");
        }

        return Assemble(handle, timer.Environment, description.Layers.Count, cases.Depth, cases.Levels, intervals, measured[0].Length);
    }

    /// <summary>Half the intervals as a share of the times, or of what the fastest models take where that is more.</summary>
    private static IEnumerable<double> Uncertainties(MedianInterval[] intervals) =>
        intervals.Select(i => (i.High - i.Low) / 2 / Math.Max(i.Median, intervals[0].Median / FastestSpeedup));

    /// <summary>Medians of the times at an even pace: what a round was slower than others is taken out of it.</summary>
    internal static MedianInterval[] Intervals(double[][] times) => [.. Pace.Even(times).Select(t => MedianInterval.Of(t))];

    /// <summary>
    /// Two anchors end to end, the dense and the empty model, fix what stacks cannot tell: T_rest and the dropped sublayers
    /// add up to the empty model, and the time of a level above "dropped" is scaled so that the dense sublayers add up to
    /// the dense model, where attention and feed-forward take turns.
    /// </summary>
    /// <param name="depth">Layers of a stack.</param>
    /// <param name="times">Of the passes of <see cref="LatencyCases"/>, in their order.</param>
    internal static LatencyTable Assemble(
        Model handle, InferenceEnvironment environment, int layers, int depth,
        IReadOnlyList<(Sublayer Sublayer, int Level)> levels, IReadOnlyList<MedianInterval> times, int rounds)
    {
        var (dense, empty, bare, stack) = (times[0].Median, times[1].Median, times[2].Median, times[3]);
        var measured = levels.Zip(times.Skip(LatencyCases.Anchors)).ToDictionary(p => p.First, p => p.Second);
        // Every plan has both kinds of dropped sublayer or more, so only their sum matters.
        var dropped = Math.Max(0, empty - bare) / layers / 2;
        var above = Enum.GetValues<Sublayer>().SelectMany(s => Above(s, measured, stack.Median, depth)).ToList();
        var denseAbove = layers * Enum.GetValues<Sublayer>().Sum(s => above.Last(l => l.Sublayer == s).Milliseconds);
        var scale = denseAbove > 0 && dense > empty ? (dense - empty) / denseAbove : 1;
        return new(handle, environment,
            [.. above.Select(l => l with { Milliseconds = dropped + (scale * l.Milliseconds) }).GroupBy(l => l.Sublayer)
                .SelectMany(g => g.Reverse().Append(new(g.Key, 0, dropped, stack.Spread)))],
            empty - (2 * layers * dropped), dense, rounds);
    }

    /// <summary>What the levels of a kind of sublayer take more than a dropped one, rising by level.</summary>
    private static IEnumerable<LatencyLevel> Above(
        Sublayer sublayer, Dictionary<(Sublayer Sublayer, int Level), MedianInterval> measured, double dropped, int depth)
    {
        var rising = measured.Where(m => m.Key.Sublayer == sublayer).OrderBy(m => m.Key.Level).ToList();
        var smooth = MonotoneSmoothing.Of([.. rising.Select(m => m.Value)]);
        // No level is faster than dropping the sublayer; where it seems so, that is noise, which scaling would blow up.
        return rising.Zip(smooth, (m, time) => new LatencyLevel(sublayer, m.Key.Level, Math.Max(0, time - dropped) / depth, m.Value.Spread));
    }
}
