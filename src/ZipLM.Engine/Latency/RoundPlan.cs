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

    /// <summary>For two cases whose ratio counts.</summary>
    /// <param name="given">So many rounds; null = at least 60, and until the median of the paired ratios is known within 1 %.</param>
    public static RoundPlan Paired(int? given) => given is { } rounds ? new(rounds) : new(60)
    {
        IsEnough = times => ForwardTimer.Ratio(times[0], times[1]).Spread <= 0.01,
        Shortest = TimeSpan.FromSeconds(1),
        Longest = TimeSpan.FromSeconds(20),
    };

    public static implicit operator RoundPlan(int rounds) => new(rounds);
}
