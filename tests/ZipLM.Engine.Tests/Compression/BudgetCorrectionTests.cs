using Xunit;
using ZipLM.Engine.Compression;

namespace ZipLM.Engine.Tests.Compression;

/// <summary>The closed loop on a machine that is made up: a plan's width is its predicted time in ms, and dense is 100.</summary>
public sealed class BudgetCorrectionTests
{
    private const double Target = 4;
    private readonly List<Candidate> _made = [];

    /// <summary>Real times are so many times the predicted ones, plus something fixed.</summary>
    [Theory]
    [InlineData(1, 0, 0.1)]
    [InlineData(1.2, 0, 0.1)]
    [InlineData(0.8, 0, 0.1)]
    [InlineData(0.5, 10, 0.1)]
    [InlineData(1.5, -8, 0.1)]
    public void It_ends_a_little_above_the_target_however_wrong_the_prediction_is(double factor, double more, double grid)
    {
        var best = Run(predicted => (factor * predicted) + more, grid, 1);
        Assert.InRange(best.Attained, 1.005, 1.035);
        Assert.All(_made, c => Assert.Equal(!ReferenceEquals(c, best), c.IsDisposed));
    }

    [Fact]
    public void A_right_prediction_needs_no_correction() => Assert.Equal(0, Run(t => t, 0.1, 1).Corrections);

    /// <summary>Only whole tens of ms can be had, and all take 3 ms more: 10 → 13 ms is 7.7×, 20 → 23 ms 4.35×, 30 → 33 ms 3.03×.</summary>
    [Fact]
    public void On_a_coarse_grid_the_slowest_plan_that_keeps_the_target_wins()
    {
        var best = Run(t => t + 3, 10, 10);
        Assert.Equal(20, best.Plan.PredictedMilliseconds);
    }

    [Fact]
    public void Where_nothing_is_fast_enough_it_is_the_fastest_and_that_is_known()
    {
        var loop = Loop(1, 20);
        var best = loop.Run(100 / Target, (plan, corrections) => Make(plan, t => 2 * t, corrections));
        Assert.True(loop.IsExhausted);
        Assert.Equal(20, best.Plan.PredictedMilliseconds);
    }

    [Fact]
    public void It_gives_up_after_a_few_corrections()
    {
        var random = new Random(1);
        Run(t => t * (0.5 + random.NextDouble()), 1e-3, 1);
        Assert.InRange(_made.Count, 1, BudgetCorrection<Candidate>.MostCorrections + 1);
    }

    [Fact]
    public void A_failure_frees_what_was_made()
    {
        Assert.Throws<InvalidOperationException>(() => Loop(1, 1).Run(25, (plan, corrections) =>
            corrections == 1 ? throw new InvalidOperationException() : Make(plan, t => 2 * t, corrections)));
        Assert.True(Assert.Single(_made).IsDisposed);
    }

    private Candidate Run(Func<double, double> real, double grid, double fastest) =>
        Loop(grid, fastest).Run(100 / Target, (plan, corrections) => Make(plan, real, corrections));

    private static BudgetCorrection<Candidate> Loop(double grid, double fastest) =>
        new(budget => Solve(budget, grid, fastest), budget => Solve(budget, grid, fastest), fastest, TestContext.Current.CancellationToken);

    /// <summary>The slowest plan on the grid within the budget.</summary>
    private static Plan? Solve(double budget, double grid, double fastest)
    {
        var time = Math.Floor((budget / grid) + 1e-9) * grid;
        return time < fastest ? null : new([new(0, 0, (int)Math.Round(time * 1000))], time, budget, 0);
    }

    private Candidate Make(Plan plan, Func<double, double> real, int corrections)
    {
        _made.Add(new(plan, 100 / real(plan.PredictedMilliseconds) / Target, corrections));
        return _made[^1];
    }

    private sealed class Candidate(Plan plan, double attained, int corrections) : BudgetCorrection<Candidate>.ICandidate
    {
        public Plan Plan => plan;

        public double Attained => attained;

        public int Corrections => corrections;

        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }
}
