using Xunit;
using ZipLM.Engine.Search;

namespace ZipLM.Engine.Tests.Search;

/// <summary>
/// On a made-up loss Σ w_s·p_s(level) with one true weight a sublayer, whose best plan brute force finds. Rows are the loss
/// and noise of their own, the same for every plan, and noise of plan and row.
/// </summary>
public sealed class CoefficientSearchTests
{
    private const int Levels = 4;
    private const double Budget = 10_000;

    /// <summary>16, 16 and 32 of 64 rows.</summary>
    private static readonly int[] Parts = [16, 16, 32];

    /// <summary>What the sublayers truly weigh.</summary>
    private static readonly double[] Weights = [3, 0.3, 2, 0.2, 0.1, 1];

    [Fact]
    public void It_finds_the_best_plan_where_all_alike_do_not()
    {
        var losses = new Toy(noise: 0);
        var search = losses.Search();
        search.Run([Alike], 30, 270, new Random(1), CancellationToken.None);
        Assert.True(Loss(losses.Solve(Alike)) > Best() + 0.1);
        Assert.Equal(Best(), Loss(search.Plan), 1e-12);
        Assert.Equal(Best(), search.Loss, 1e-12);
        Assert.Equal(search.Plan, losses.Solve(search.Coefficients));
        Assert.Equal(300, search.Trials);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void It_is_never_worse_than_where_it_started(int seed)
    {
        var losses = new Toy(noise: 2);
        var search = losses.Search();
        search.Run([Alike], seed, 20, new Random(seed), CancellationToken.None);
        Assert.True(search.Loss <= losses.Of(losses.Solve(Alike)).Average() + 1e-12);
        Assert.Equal(losses.Of(search.Plan).Average(), search.Loss, 1e-12);
    }

    [Fact]
    public void Without_trials_it_keeps_the_best_start()
    {
        var search = new Toy(noise: 0).Search();
        search.Run([Alike, Weights], 0, 0, new Random(1), CancellationToken.None);
        Assert.Equal(Weights, search.Coefficients);
        Assert.Equal((0, 2), (search.Trials, search.Evaluated));
    }

    [Fact]
    public void The_same_seed_gives_the_same_result_and_another_another_path()
    {
        var runs = new[] { 7, 7, 8 }.Select(seed =>
        {
            var losses = new Toy(noise: 1);
            var search = losses.Search();
            search.Run([Alike], 5, 60, new Random(seed), CancellationToken.None);
            return (search.Coefficients, losses.Asked);
        }).ToArray();
        Assert.Equal(runs[0].Coefficients, runs[1].Coefficients);
        Assert.Equal(runs[0].Asked, runs[1].Asked);
        Assert.NotEqual(runs[0].Asked, runs[2].Asked);
    }

    /// <summary>Each part of each plan is asked for once, in order; those of a loser end before the last.</summary>
    [Fact]
    public void A_plan_that_is_known_is_not_evaluated_again_and_a_loser_not_on_all_rows()
    {
        var losses = new Toy(noise: 0.5);
        var search = losses.Search();
        search.Run([Alike, Alike], 20, 200, new Random(3), CancellationToken.None);
        Assert.Equal(losses.Asked.Count, losses.Asked.Distinct().Count());
        var plans = losses.Asked.GroupBy(a => a.Plan).ToList();
        Assert.Equal(plans.Count, search.Evaluated);
        Assert.True(search.Evaluated < search.Trials);
        Assert.All(plans, plan => Assert.Equal(Enumerable.Range(0, plan.Count()), plan.Select(p => p.Part)));
        Assert.Equal(plans.Count(p => p.Count() < Parts.Length), search.StoppedEarly);
        Assert.True(search.StoppedEarly > search.Evaluated / 2);
    }

    /// <summary>What is kept is told when it was evaluated last, to the end, and every time at a lower loss.</summary>
    [Fact]
    public void What_is_kept_is_told()
    {
        var losses = new Toy(noise: 1);
        var told = new List<double>();
        CoefficientSearch search = null!;
        search = losses.Search(() =>
        {
            Assert.Contains((string.Join(' ', search.Plan), Parts.Length - 1), losses.Asked.TakeLast(CoefficientSearch.Wave));
            told.Add(search.Loss);
        });
        search.Run([Alike], 20, 200, new Random(4), CancellationToken.None);
        Assert.True(told.Count > 2);
        Assert.Equal(told.OrderDescending().Distinct(), told);
        Assert.Equal(search.Loss, told[^1]);
    }

    /// <summary>A tenth of the coefficients, at least one, is drawn again or moved; the others stay as they are.</summary>
    [Theory]
    [InlineData(8, 1)]
    [InlineData(24, 2)]
    [InlineData(48, 4)]
    public void Around_the_best_a_tenth_is_changed(int sublayers, int redrawn)
    {
        var asked = new List<IReadOnlyList<double>>();
        var start = Enumerable.Repeat(0.5, sublayers).ToArray();
        var search = new CoefficientSearch(
            coefficients =>
            {
                asked.Add(coefficients);
                return [asked.Count];
            },
            Each((plan, _) => [plan[0], plan[0]]), [2]);
        search.Run([start], 1, 500, new Random(5), CancellationToken.None);
        Assert.Equal(start, search.Coefficients);
        Assert.All(asked[1], c => Assert.NotEqual(0.5, c));
        Assert.All(asked.Skip(1), c => Assert.All(c, v => Assert.InRange(v, double.Epsilon, 10)));
        // No draw is above 1, and no move as far as a tenth.
        Assert.Contains(asked.Skip(2), c => c.Any(v => v > 1));
        Assert.Contains(asked.Skip(2), c => c.Any(v => v < 0.03));
        Assert.All(asked.Skip(2), c => Assert.Equal(redrawn, c.Count(v => v != 0.5)));
        Assert.All(Enumerable.Range(0, sublayers), s => Assert.Contains(asked.Skip(2), c => c[s] != 0.5));
    }

    /// <summary>Plan 2 is the best by luck on the first two rows, plan 3 on all; plan 4 lost before.</summary>
    [Fact]
    public void In_the_end_the_best_few_are_judged_on_rows_of_their_own()
    {
        var losses = new Dictionary<int, (double Search, double Final)> { [1] = (3, 3), [2] = (1, 4), [3] = (1.5, 2), [4] = (9, 0) };
        var (calls, judged) = (0, new List<int>());
        var search = new CoefficientSearch(_ => [++calls], Each((plan, part) =>
        {
            judged.AddRange(part == 1 ? plan : []);
            var (found, final) = losses[plan[0]];
            return part == 0 ? [found, found] : [final, final];
        }), [2]);
        search.Run([[1], [2], [3], [4]], 0, 0, new Random(1), CancellationToken.None);
        Assert.Equal([2], search.Plan);
        search.Judge(3, CancellationToken.None);
        Assert.Equal([2, 3, 1], judged);
        Assert.Equal((3, 3, 1.75), (search.Plan[0], search.Coefficients[0], search.Loss));

        // With one there is nothing to choose.
        judged.Clear();
        search.Judge(1, CancellationToken.None);
        Assert.Empty(judged);
    }

    /// <summary>After the start, which is plan 1, come waves of four; each runs against the best of before, and the best of those that beat it is kept.</summary>
    [Fact]
    public void A_few_plans_run_at_a_time()
    {
        var asked = new List<string>();
        var calls = 0;
        double[] losses = [10, 4, 9, 3, 5, 2, 6, 1, 7, 8];
        var search = new CoefficientSearch(_ => [++calls], (plans, part) =>
        {
            asked.Add($"{part}: {string.Join(' ', plans.Select(p => p[0]))}");
            return [.. plans.Select(p => new[] { losses[p[0] - 1], losses[p[0] - 1] + 0.1 })];
        }, [2, 2]);
        search.Run([[1]], 3, 6, new Random(1), CancellationToken.None);
        Assert.Equal(["0: 1", "1: 1", "0: 2 3 4 5", "1: 2 3 4 5", "0: 6 7 8 9", "1: 6 8", "0: 10"], asked);
        Assert.Equal((8, 1.05), (search.Plan[0], search.Loss));
        Assert.Equal((10, 3, 7), (search.Evaluated, search.StoppedEarly, search.BestTrial));
        search.Judge(3, CancellationToken.None);
        Assert.Equal("2: 8 6 4", asked[^1]);
    }

    [Fact]
    public void A_loss_that_is_no_number_is_never_kept()
    {
        var losses = new Dictionary<int, double> { [1] = double.NaN, [2] = 3, [3] = double.PositiveInfinity, [4] = double.NaN, [5] = 2, [6] = double.NaN };
        var calls = 0;
        var search = new CoefficientSearch(_ => [++calls], Each((plan, part) => [losses[plan[0]], part]), [2, 2]);
        search.Run([[1]], 5, 0, new Random(1), CancellationToken.None);
        Assert.Equal([5], search.Plan);
        Assert.Equal(1.25, search.Loss);
        search.Judge(3, CancellationToken.None);
        Assert.Equal([5], search.Plan);
        Assert.Equal(2, search.Best(9).Count);

        // There is a plan all the same where none has a loss.
        search = new CoefficientSearch(_ => [9], Each((_, _) => [double.NaN]), [1]);
        search.Run([[1]], 0, 3, new Random(1), CancellationToken.None);
        Assert.Equal([9], search.Plan);
    }

    [Fact]
    public void It_stops_when_asked()
    {
        using var source = new CancellationTokenSource();
        var (asked, plans) = (0, 0);
        var search = new CoefficientSearch(_ => [++plans], (wave, _) =>
        {
            if (++asked == 10)
            {
                source.Cancel();
            }

            return [.. wave.Select(_ => new[] { 1.0, 1.0 })];
        }, [2]);
        Assert.Throws<OperationCanceledException>(() => search.Run([[1, 1]], 0, 1000, new Random(1), source.Token));
        Assert.Equal(10, asked);
    }

    /// <summary>Losses of several plans from those of one.</summary>
    private static Func<IReadOnlyList<IReadOnlyList<int>>, int, IReadOnlyList<IReadOnlyList<double>>> Each(Func<IReadOnlyList<int>, int, IReadOnlyList<double>> one) =>
        (plans, part) => [.. plans.Select(plan => one(plan, part))];

    private static double[] Alike { get; } = [.. Weights.Select(_ => 1.0)];

    private static double Loss(IReadOnlyList<int> plan) => plan.Select((level, s) => Weights[s] * Prior(s, level)).Sum();

    /// <summary>Level 0 is dense. Every sublayer bends in another way.</summary>
    private static double Prior(int sublayer, int level) => Math.Pow((double)level / (Levels - 1), 1 + (sublayer % 3));

    private static double Time(int level) => Budget / Weights.Length * 2 * (Levels - 1 - level) / (Levels - 1);

    private static double Best()
    {
        var best = double.PositiveInfinity;
        for (var code = 0; code < Math.Pow(Levels, Weights.Length); code++)
        {
            var plan = Weights.Select((_, s) => code / (int)Math.Pow(Levels, s) % Levels).ToArray();
            best = plan.Sum(Time) <= Budget + 1e-9 ? Math.Min(best, Loss(plan)) : best;
        }

        return best;
    }

    /// <summary>The loss as the search sees it.</summary>
    private sealed class Toy(double noise)
    {
        public List<(string Plan, int Part)> Asked { get; } = [];

        public CoefficientSearch Search(Action? kept = null) => new(Solve, Each((plan, part) =>
        {
            Asked.Add((string.Join(' ', plan), part));
            return [.. Of(plan).Skip(Parts.Take(part).Sum()).Take(Parts[part])];
        }), Parts) { Kept = kept };

        public IReadOnlyList<int> Solve(IReadOnlyList<double> coefficients) => LevelSearch.Solve(
            [.. Weights.Select((_, s) => Enumerable.Range(0, Levels).Select(l => new SublayerLevel(l, Math.Floor(Time(l)), coefficients[s] * Prior(s, l))).ToList())], Budget)!;

        public double[] Of(IReadOnlyList<int> plan) => [.. Enumerable.Range(0, Parts.Sum()).Select(row =>
            Loss(plan) + (noise * (new Random(row).NextDouble() - 0.5)) + (noise * 0.2 * (new Random(HashCode(plan) + row).NextDouble() - 0.5)))];

        private static int HashCode(IReadOnlyList<int> plan) => plan.Aggregate(17, (hash, level) => (hash * 31) + level) * 1000;
    }
}
