namespace ZipLM.Engine.Latency;

/// <summary>
/// More structures mostly take more time. Where a larger level seems faster than a smaller one and their intervals overlap,
/// that is noise, and both get their mean; where they do not overlap it is a real step (some widths are slower), and stays.
/// </summary>
internal static class MonotoneSmoothing
{
    /// <summary>Medians of the levels of one kind of sublayer, rising by level, smoothed: pool adjacent violators.</summary>
    public static IReadOnlyList<double> Of(IReadOnlyList<MedianInterval> times)
    {
        var pools = new List<Pool>();
        foreach (var time in times)
        {
            var pool = new Pool(time.Median, 1, time.Low, time.High);
            while (pools.Count > 0 && pools[^1] is var before && before.Mean > pool.Mean && before.Low <= pool.High)
            {
                pools.RemoveAt(pools.Count - 1);
                pool = before.With(pool);
            }

            pools.Add(pool);
        }

        return [.. pools.SelectMany(p => Enumerable.Repeat(p.Mean, p.Count))];
    }

    /// <summary>Neighbours that cannot be told apart.</summary>
    private readonly record struct Pool(double Mean, int Count, double Low, double High)
    {
        public Pool With(Pool next)
        {
            var count = Count + next.Count;
            var mean = ((Mean * Count) + (next.Mean * next.Count)) / count;
            // As the mean of times that were measured apart: not narrower than the narrower of the two.
            var half = Math.Min(High - Low, next.High - next.Low) / 2;
            return new(mean, count, mean - half, mean + half);
        }
    }
}
