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
        var measured = timer.Measure(cases.Passes, Plan(rounds), "Measuring latency", reporter, cancellationToken);
        var intervals = Intervals(measured);
        if (rounds is null && Doubt(intervals, measured[0].Length) is { } doubt)
        {
            reporter.Warning(doubt);
        }

        return Assemble(handle, timer.Environment, description.Layers.Count, cases.Depth, cases.Levels, intervals, measured[0].Length);
    }

    /// <summary>As many rounds as were given, or as it takes.</summary>
    internal static RoundPlan Plan(int? rounds) => rounds is { } given ? new RoundPlan(given) : new RoundPlan(Portion)
    {
        IsEnough = times => times[0].Length >= MostRounds || Uncertainties(Intervals(times)).All(u => u <= WidestInterval),
        Longest = LongestMeasuring,
    };

    /// <summary>What to say where times are not known well enough after all; null = they are.</summary>
    internal static string? Doubt(MedianInterval[] intervals, int rounds)
    {
        var uncertainties = Uncertainties(intervals).ToList();
        var wide = uncertainties.Count(u => u > WidestInterval);
        return wide == 0 ? null : string.Create(CultureInfo.InvariantCulture,
            $"After {rounds} rounds {wide} of {intervals.Length} times are still not known within {WidestInterval * 100:0} % (the worst within {uncertainties.Max() * 100:0.0} %): ")
            + "something else keeps the machine busy. Predictions may be off by as much; give more -Rounds to Measure-LayerLatency, or a quieter machine.";
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
        var (dense, empty, bare) = (times[0].Median, times[1].Median, times[2].Median);
        var measured = levels.Zip(times.Skip(LatencyCases.Anchors)).ToDictionary(p => p.First, p => p.Second);
        // Every plan has both kinds of dropped sublayer or more, so only their sum matters.
        var dropped = Math.Max(0, empty - bare) / layers / 2;
        var above = Enum.GetValues<Sublayer>().SelectMany(s => Above(s, measured, times[3], depth)).ToList();
        var denseAbove = layers * Enum.GetValues<Sublayer>().Sum(s => above.Last(l => l.Sublayer == s).Milliseconds);
        var scale = denseAbove > 0 && dense > empty ? (dense - empty) / denseAbove : 1;
        return new(handle, environment,
            [.. above.Select(l => Level(l.Sublayer, l.Level, dropped + (scale * l.Milliseconds), scale * l.Half)).GroupBy(l => l.Sublayer)
                .SelectMany(g => g.Reverse().Append(Level(g.Key, 0, dropped, Half(times[1], times[2]) / layers / 2)))],
            empty - (2 * layers * dropped), dense, rounds);

        static LatencyLevel Level(Sublayer sublayer, int level, double milliseconds, double half) =>
            new(sublayer, level, milliseconds, milliseconds > 0 ? half / milliseconds : 0);
    }

    /// <summary>Half the interval of a difference of two times.</summary>
    private static double Half(MedianInterval one, MedianInterval other) => double.Hypot(one.High - one.Low, other.High - other.Low) / 2;

    /// <summary>What the levels of a kind of sublayer take more than a dropped one, with half the interval of that, in ms; rising by level.</summary>
    private static IEnumerable<(Sublayer Sublayer, int Level, double Milliseconds, double Half)> Above(
        Sublayer sublayer, Dictionary<(Sublayer Sublayer, int Level), MedianInterval> measured, MedianInterval dropped, int depth)
    {
        var rising = measured.Where(m => m.Key.Sublayer == sublayer).OrderBy(m => m.Key.Level).ToList();
        var smooth = MonotoneSmoothing.Of([.. rising.Select(m => m.Value)]);
        // No level is faster than dropping the sublayer; where it seems so, that is noise, which scaling would blow up.
        return rising.Zip(smooth, (m, time) => (sublayer, m.Key.Level, Math.Max(0, time - dropped.Median) / depth, Half(m.Value, dropped) / depth));
    }
}
