using Xunit;
using ZipLM.Engine.Search;

namespace ZipLM.Engine.Tests.Search;

public sealed class LevelSearchTests
{
    /// <summary>With this budget a bucket is exactly 1 ms (0.25 ms), so whole numbers of buckets round to themselves.</summary>
    private const double Budget = 10_000;

    [Fact]
    public void It_equals_brute_force_where_rounding_is_exact()
    {
        var unreachable = 0;
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var budget = seed % 2 == 0 ? Budget : Budget / 4;
            var bucket = budget / 10_000;
            var sublayers = Instance(random, r => bucket * r.Next(0, 7000));
            var expected = BruteForce(sublayers, budget);
            var chosen = LevelSearch.Solve(sublayers, budget);
            if (expected is null)
            {
                unreachable++;
                Assert.Null(chosen);
                continue;
            }

            Assert.NotNull(chosen);
            Assert.True(Time(sublayers, chosen) <= budget);
            Assert.Equal(expected.Value, Cost(sublayers, chosen), 1e-12);
        }

        Assert.InRange(unreachable, 10, 200);
    }

    /// <summary>Rounding up costs something: at most what the best plan on rounded-up times costs, and never the budget.</summary>
    [Fact]
    public void With_any_times_it_stays_within_the_budget_and_is_best_on_times_rounded_up()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(1000 + seed);
            var budget = Math.Exp((8 * random.NextDouble()) - 4);
            var sublayers = Instance(random, r => budget * r.NextDouble() * 0.45);
            var chosen = LevelSearch.Solve(sublayers, budget);
            if (BruteForce(sublayers, budget) is not { } best)
            {
                Assert.Null(chosen);
                continue;
            }

            Assert.NotNull(chosen);
            Assert.True(Time(sublayers, chosen) <= budget * (1 + 1e-12));
            Assert.True(Cost(sublayers, chosen) >= best - 1e-12);
            var bucket = budget / 10_000;
            IReadOnlyList<IReadOnlyList<SublayerLevel>> rounded =
                [.. sublayers.Select(levels => levels.Select(l => l with { Milliseconds = Math.Ceiling(l.Milliseconds / bucket) }).ToList())];
            if (BruteForce(rounded, 10_000) is { } bestRounded)
            {
                Assert.Equal(bestRounded, Cost(sublayers, chosen), 1e-12);
            }
        }
    }

    /// <summary>Against the programming with a table of choices, one number at a time: the same levels, also where costs are equal.</summary>
    [Theory]
    [InlineData(24, 45, false)]
    [InlineData(10, 20, true)]
    public void By_vectors_it_chooses_as_one_number_at_a_time(int sublayers, int levels, bool ties)
    {
        for (var seed = 0; seed < 4; seed++)
        {
            var random = new Random(seed);
            List<IReadOnlyList<SublayerLevel>> instance = [.. Enumerable.Range(0, sublayers).Select(_ => Enumerable.Range(0, levels)
                .Select(l => new SublayerLevel(l, random.NextDouble() + l, ties ? random.Next(3) : random.NextDouble() * (levels - l))).ToList())];
            var budget = sublayers * levels * 0.3;
            Assert.Equal(Plain(instance, budget), LevelSearch.Solve(instance, budget)!);
        }
    }

    [Fact]
    public void Times_are_rounded_up_never_to_the_nearest() =>
        Assert.Equal([0, 1], LevelSearch.Solve([[new(1, 5000.4, 0), new(0, 4999, 2)], [new(1, 5000.4, 0), new(0, 4999, 1)]], Budget)!);

    /// <summary>A first sublayer that is not charged for its time is the classic mistake of such a table.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void The_first_sublayer_counts_like_every_other(int sublayers)
    {
        List<IReadOnlyList<SublayerLevel>> levels =
            [[new(4, 9000, 0), new(0, 100, 1)], .. Enumerable.Repeat<IReadOnlyList<SublayerLevel>>([new(4, 1000, 0), new(0, 500, 1)], sublayers - 1)];
        Assert.Equal([1, .. Enumerable.Repeat(0, sublayers - 1)], LevelSearch.Solve(levels, 8000)!);
    }

    [Fact]
    public void A_budget_that_even_the_fastest_levels_exceed_has_no_plan() =>
        Assert.Null(LevelSearch.Solve([[new(1, 5, 0), new(0, 3, 1)], [new(1, 5, 0), new(0, 3, 1)]], 5.999));

    [Theory]
    [InlineData(0.1, 0.2)]
    [InlineData(1.0 / 3, 1.0 / 7)]
    [InlineData(5, 3)]
    public void A_budget_that_the_fastest_levels_just_meet_has_that_plan(double a, double b) =>
        Assert.Equal([1, 1], LevelSearch.Solve([[new(1, 2 * a, 0), new(0, a, 1)], [new(1, 2 * b, 0), new(0, b, 1)]], a + b)!);

    [Fact]
    public void A_budget_that_the_dense_levels_just_meet_has_the_dense_plan() =>
        Assert.Equal([0, 0], LevelSearch.Solve([[new(1, 6000, 0), new(0, 100, 1)], [new(1, 4000, 0), new(0, 100, 1)]], Budget)!);

    [Fact]
    public void Levels_that_take_no_time_are_free()
    {
        Assert.Equal([0, 1], LevelSearch.Solve([[new(1, 0, 0), new(0, 0, 1)], [new(1, 1, 0), new(0, 0, 1)]], 0)!);
        Assert.Equal([0, 0], LevelSearch.Solve([[new(1, 0, 0), new(0, 0, 1)], [new(1, 1, 0), new(0, 0, 1)]], 1)!);
    }

    [Fact]
    public void Of_equally_fast_levels_the_better_one_is_taken() =>
        Assert.Equal([1], LevelSearch.Solve([[new(2, 1, 0.5), new(1, 1, 0.1)]], 1)!);

    [Fact]
    public void A_negative_budget_has_no_plan() => Assert.Null(LevelSearch.Solve([[new(0, 0, 0)]], -1));

    private static List<IReadOnlyList<SublayerLevel>> Instance(Random random, Func<Random, double> time) =>
        [.. Enumerable.Range(0, 1 + random.Next(5)).Select(_ =>
            Enumerable.Range(0, 1 + random.Next(5)).Select(level => new SublayerLevel(level, time(random), random.NextDouble())).ToList())];

    private static int[] Plain(List<IReadOnlyList<SublayerLevel>> sublayers, double budget)
    {
        const int buckets = 10_000;
        int Up(SublayerLevel level) => (int)Math.Ceiling(level.Milliseconds / (budget / buckets));
        var cost = new double[buckets + 1];
        var choices = new List<int[]>();
        foreach (var levels in sublayers)
        {
            var (next, choice) = (Enumerable.Repeat(double.PositiveInfinity, buckets + 1).ToArray(), new int[buckets + 1]);
            for (var b = 0; b <= buckets; b++)
            {
                for (var l = 0; l < levels.Count; l++)
                {
                    if (Up(levels[l]) <= b && cost[b - Up(levels[l])] + levels[l].Cost < next[b])
                    {
                        (next[b], choice[b]) = (cost[b - Up(levels[l])] + levels[l].Cost, l);
                    }
                }
            }

            cost = next;
            choices.Add(choice);
        }

        var (chosen, left) = (new int[sublayers.Count], buckets);
        for (var s = sublayers.Count - 1; s >= 0; s--)
        {
            chosen[s] = choices[s][left];
            left -= Up(sublayers[s][chosen[s]]);
        }

        return chosen;
    }

    private static double Time(IReadOnlyList<IReadOnlyList<SublayerLevel>> sublayers, int[] chosen) => sublayers.Select((l, s) => l[chosen[s]].Milliseconds).Sum();

    private static double Cost(IReadOnlyList<IReadOnlyList<SublayerLevel>> sublayers, int[] chosen) => sublayers.Select((l, s) => l[chosen[s]].Cost).Sum();

    /// <summary>The least cost of all combinations within the budget, or null.</summary>
    private static double? BruteForce(IReadOnlyList<IReadOnlyList<SublayerLevel>> sublayers, double budget, int from = 0, double time = 0) =>
        time > budget ? null
        : from == sublayers.Count ? 0
        : sublayers[from].Min(l => BruteForce(sublayers, budget, from + 1, time + l.Milliseconds) + l.Cost);
}
