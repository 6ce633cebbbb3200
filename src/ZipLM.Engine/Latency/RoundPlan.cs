namespace ZipLM.Engine.Latency;

/// <summary>How many rounds a measurement takes: a number, or so many that what counts is known well enough.</summary>
/// <param name="First">Rounds that are measured in any case; further ones come in portions of as many.</param>
internal sealed record RoundPlan(int First)
{
    /// <summary>Whether times, [case][round], are known well enough; null = the first rounds are all.</summary>
    public Func<double[][], bool>? IsEnough { get; init; }

    /// <summary>No further rounds after this time.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.MaxValue;

    public static implicit operator RoundPlan(int rounds) => new(rounds);
}
