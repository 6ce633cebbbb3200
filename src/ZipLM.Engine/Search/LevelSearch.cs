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
        var best = new double[Buckets + 1];
        var choices = new int[sublayers.Count][];
        for (var s = 0; s < sublayers.Count; s++)
        {
            // next[b]: least cost of sublayers 0 … s within b buckets; the first sublayer is checked like every other.
            var next = new double[Buckets + 1];
            Array.Fill(next, double.PositiveInfinity);
            var choice = choices[s] = new int[Buckets + 1];
            Array.Fill(choice, -1);
            for (var level = 0; level < sublayers[s].Count; level++)
            {
                var time = BucketsUp(sublayers[s][level].Milliseconds, bucket);
                var cost = sublayers[s][level].Cost;
                for (var b = time; b <= Buckets; b++)
                {
                    var total = best[b - time] + cost;
                    if (total < next[b])
                    {
                        next[b] = total;
                        choice[b] = level;
                    }
                }
            }

            best = next;
        }

        return double.IsPositiveInfinity(best[Buckets]) ? fastest : Trace(sublayers, choices, bucket);
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

    private static int[] Trace(IReadOnlyList<IReadOnlyList<SublayerLevel>> sublayers, int[][] choices, double bucket)
    {
        var chosen = new int[sublayers.Count];
        var b = Buckets;
        for (var s = sublayers.Count - 1; s >= 0; s--)
        {
            chosen[s] = choices[s][b];
            b -= BucketsUp(sublayers[s][chosen[s]].Milliseconds, bucket);
        }

        return chosen;
    }

    private static int FastestLevel(IReadOnlyList<SublayerLevel> levels) =>
        Enumerable.Range(0, levels.Count).MinBy(i => (levels[i].Milliseconds, levels[i].Cost));
}
