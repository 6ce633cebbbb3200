using System.Globalization;

namespace ZipLM.Engine.Latency;

/// <summary>How many rounds a measurement takes: a number, or so many that what counts is known well enough.</summary>
/// <param name="First">Rounds that are measured in any case; further ones come in portions of as many.</param>
internal sealed record RoundPlan(int First)
{
    /// <summary>Whether times, [case][round], are known well enough; null = the first rounds are all.</summary>
    public Func<double[][], bool>? IsEnough { get; init; }

    /// <summary>No further rounds after this time.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.MaxValue;

    /// <summary>Not less than this time, unless the first rounds are all: the models of a few ms would be measured in a moment that may be a busy one.</summary>
    public TimeSpan Shortest { get; init; }

    /// <summary>Half the 95 % confidence interval that the figure of a whole model shall have at most, as a share of it.</summary>
    private const double WidestInterval = 0.01;

    /// <summary>For two cases whose ratio counts.</summary>
    /// <param name="given">So many rounds; null = at least 60, and until the median of the paired ratios is known within 1 %.</param>
    public static RoundPlan Paired(int? given) => Until(given, times => ForwardTimer.Ratio(times[0], times[1]).Spread);

    /// <summary>For one case.</summary>
    /// <param name="given">So many rounds; null = at least 60, and until the median is known within 1 %.</param>
    public static RoundPlan Single(int? given) => Until(given, times => MedianInterval.Of(times[0]).Spread);

    public static implicit operator RoundPlan(int rounds) => new(rounds);

    /// <summary>Warns where the time was up before the figure was known well enough. Rounds that were given are all that was asked for.</summary>
    /// <param name="figure">What was measured.</param>
    /// <param name="spread">Half its 95 % confidence interval, as a share of it.</param>
    public void WarnIfUncertain(string figure, double spread, int rounds, IReporter reporter)
    {
        if (IsEnough is not null && spread > WidestInterval)
        {
            reporter.Warning(string.Create(CultureInfo.InvariantCulture,
                $"After {rounds} rounds in {Longest.TotalSeconds:0} s {figure} is known within {spread * 100:0.0} % only, not {WidestInterval * 100:0} %: something else keeps the machine busy. Give more rounds with -Rounds, or a quieter machine."));
        }
    }

    private static RoundPlan Until(int? given, Func<double[][], double> spread) => given is { } rounds ? new(rounds) : new(60)
    {
        IsEnough = times => spread(times) <= WidestInterval,
        Shortest = TimeSpan.FromSeconds(1),
        Longest = TimeSpan.FromSeconds(20),
    };
}
