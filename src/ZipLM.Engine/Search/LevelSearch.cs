using System.Numerics;
using System.Runtime.InteropServices;

namespace ZipLM.Engine.Search;

/// <summary>
/// Which level each sublayer gets: dynamic programming over sublayers × time buckets finds the levels with the least
/// total cost within a time budget. Pure arithmetic.
/// </summary>
internal static class LevelSearch
{
    private const int Buckets = 10_000;

    /// <summary>The levels with the least Σ cost whose Σ time stays within the budget.</summary>
    /// <param name="sublayers">The levels each sublayer may have; at least one each.</param>
    /// <param name="budgetMilliseconds">Σ time allowed, in ms.</param>
    /// <returns>Index of the chosen level of each sublayer; null when even the fastest levels exceed the budget.</returns>
    public static int[]? Solve(IReadOnlyList<IReadOnlyList<SublayerLevel>> sublayers, double budgetMilliseconds)
    {
        // The fastest plan is checked in exact times: rounding up must not refuse what can be reached.
        var fastest = sublayers.Select(FastestLevel).ToArray();
        if (sublayers.Select((levels, s) => levels[fastest[s]].Milliseconds).Sum() > budgetMilliseconds)
        {
            return null;
        }

        var bucket = budgetMilliseconds / Buckets;
        // best[s][b]: least cost of the first s sublayers within b buckets; the first sublayer is checked like every other.
        var best = new double[sublayers.Count + 1][];
        best[0] = new double[Buckets + 1];
        for (var s = 0; s < sublayers.Count; s++)
        {
            best[s + 1] = new double[Buckets + 1];
            Array.Fill(best[s + 1], double.PositiveInfinity);
            foreach (var level in sublayers[s])
            {
                var time = BucketsUp(level.Milliseconds, bucket);
                if (time <= Buckets)
                {
                    Improve(best[s + 1].AsSpan(time), best[s].AsSpan(0, Buckets + 1 - time), level.Cost);
                }
            }
        }

        return double.IsPositiveInfinity(best[^1][Buckets]) ? fastest : Trace(sublayers, best, bucket);
    }

    /// <summary>next[b] = min(next[b], before[b] + cost): all the time of the search, so by vectors.</summary>
    private static void Improve(Span<double> next, ReadOnlySpan<double> before, double cost)
    {
        var costs = new Vector<double>(cost);
        var to = MemoryMarshal.Cast<double, Vector<double>>(next);
        var from = MemoryMarshal.Cast<double, Vector<double>>(before);
        for (var i = 0; i < to.Length; i++)
        {
            var total = from[i] + costs;
            to[i] = Vector.ConditionalSelect(Vector.LessThan(total, to[i]), total, to[i]);
        }

        for (var b = to.Length * Vector<double>.Count; b < next.Length; b++)
        {
            next[b] = before[b] + cost < next[b] ? before[b] + cost : next[b];
        }
    }

    /// <summary>Buckets that a time takes, rounded up so that a plan never exceeds its budget.</summary>
    private static int BucketsUp(double milliseconds, double bucket)
    {
        if (milliseconds <= 0)
        {
            return 0;
        }

        return bucket > 0 ? (int)Math.Min(Math.Ceiling(milliseconds / bucket), Buckets + 1) : Buckets + 1;
    }

    /// <summary>
    /// Back from the whole budget: of each sublayer the first level that gives the least cost, which the same sum of the same
    /// numbers gives to the last bit.
    /// </summary>
    private static int[] Trace(IReadOnlyList<IReadOnlyList<SublayerLevel>> sublayers, double[][] best, double bucket)
    {
        var chosen = new int[sublayers.Count];
        var left = Buckets;
        for (var s = sublayers.Count - 1; s >= 0; s--)
        {
            var levels = sublayers[s];
            chosen[s] = Enumerable.Range(0, levels.Count).First(i =>
                BucketsUp(levels[i].Milliseconds, bucket) is var time && time <= left && best[s][left - time] + levels[i].Cost == best[s + 1][left]);
            left -= BucketsUp(levels[chosen[s]].Milliseconds, bucket);
        }

        return chosen;
    }

    private static int FastestLevel(IReadOnlyList<SublayerLevel> levels) =>
        Enumerable.Range(0, levels.Count).MinBy(i => (levels[i].Milliseconds, levels[i].Cost));
}
