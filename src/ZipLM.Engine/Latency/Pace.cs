namespace ZipLM.Engine.Latency;

/// <summary>
/// A busy machine is slower in some rounds than in others, for all cases alike: that pace is the median over the cases of
/// time ÷ the case's own median.
/// </summary>
internal static class Pace
{
    /// <summary>Times, [case][round], with each round's pace divided out.</summary>
    public static double[][] Even(double[][] times)
    {
        var medians = times.Select(t => MedianInterval.Of(t).Median).ToArray();
        var pace = Enumerable.Range(0, times[0].Length)
            .Select(round => MedianInterval.Of(times.Select((t, i) => t[round] / medians[i])).Median).ToArray();
        return [.. times.Select(t => t.Zip(pace, (time, p) => p > 0 ? time / p : time).ToArray())];
    }
}
