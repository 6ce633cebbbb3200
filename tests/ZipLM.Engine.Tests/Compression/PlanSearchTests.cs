using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Tests.Models;

namespace ZipLM.Engine.Tests.Compression;

/// <summary>Which plan is found, and how, among the levels of a tiny model with made-up times.</summary>
public sealed class PlanSearchTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly TextDataset Text = TinyBert.Unlabelled(TinyBert.Data(60, seed: 10));
    private readonly RecordingReporter _reporter = new();

    /// <summary>What is added up is the relative error, and what a plan reports is its square.</summary>
    [Fact]
    public void A_level_costs_the_root_of_its_prior() => WithChoices((choices, store, table) =>
    {
        var plan = choices.Solve(table.DenseMilliseconds / 2)!;
        var shapes = choices.Shapes(plan);
        double Prior(int s) => store[s / 2, s % 2 == 0 ? Sublayer.Attention : Sublayer.FeedForward].Removal
            .Prior(shapes[s / 2].Level(s % 2 == 0 ? Sublayer.Attention : Sublayer.FeedForward));
        Assert.All(Enumerable.Range(0, choices.Sublayers), s => Assert.Equal(Prior(s), Math.Pow(choices.Cost(s, plan[s]), 2), 1e-12));
        Assert.Equal(Enumerable.Range(0, choices.Sublayers).Sum(Prior), choices.Plan(plan, table.DenseMilliseconds / 2).Prior, 1e-12);
    });

    /// <summary>Of a loss Σ w·√p that is made up, from the whole model and from the fastest plan.</summary>
    [Fact]
    public void Coefficients_by_trying_are_what_each_sublayer_costs() => WithChoices((choices, _, _) =>
    {
        double[] weights = [3, 0.5, 1, 0.001];
        foreach (var around in new[] { choices.Whole, choices.Solve(choices.FastestMilliseconds * 1.001)! })
        {
            var found = Sensitivity.Around(around, choices, plans => [.. plans.Select(plan => plan.Select((level, s) => weights[s] * choices.Cost(s, level)).Sum())]);
            Assert.All(found.Zip([1, 0.5 / 3, 1.0 / 3, 0.01]), c => Assert.Equal(c.Second, c.First, 1e-9));
        }

        // Where pruning costs nothing at all, nothing is known of any.
        Assert.All(Sensitivity.Around(choices.Whole, choices, plans => [.. plans.Select(_ => 1.0)]), c => Assert.Equal(1, c));
    });

    /// <summary>With a table that keeps its word no budget is corrected, so what is returned is what the search found.</summary>
    [Fact]
    public void The_search_lowers_the_loss_and_says_how()
    {
        using var model = TinyBert.Model(fixture.Session, 62);
        var table = MadeUpTable.Of(model);
        fixture.Run(() =>
        {
            var dense = model.Weights(null, CancellationToken.None);
            using var calibration = new Calibration(model, Text, 40, _reporter, CancellationToken.None);
            using var store = PruningStore.Build(dense, calibration.Statistics(_reporter, CancellationToken.None), 1e-2, _reporter, CancellationToken.None);
            using var loss = calibration.Loss(_reporter, CancellationToken.None);
            using var planLoss = new PlanLoss(dense, store, loss, long.MaxValue);
            var choices = new PlanChoices(model.Layers, store, table);
            PlanSearch Search(int trials, int seed = 1) => new(choices, planLoss, loss, trials, seed, _reporter);
            double LossOf(Plan plan)
            {
                using var stitched = Stitcher.Stitch(dense, store, plan.Layers);
                return loss.Of(stitched, CancellationToken.None);
            }

            var budget = table.DenseMilliseconds / 2;
            var (plain, search) = (Search(0), Search(200));
            var (alike, plan) = (plain.Find(budget, CancellationToken.None)!, search.Find(budget, CancellationToken.None)!);
            Assert.Equal(choices.Plan(choices.Solve(budget)!, budget).Layers, alike.Layers);
            Assert.All(plain.Summary(alike).Coefficients, c => Assert.Equal(1, c));
            var summary = search.Summary(plan);
            Assert.True(LossOf(plan) < 0.95 * LossOf(alike));
            Assert.Equal(LossOf(plan), summary.Curve[^1].Loss, 1e-5);
            Assert.Equal(LossOf(plan), search.LossesOf(plan).Average(), 1e-5);
            Assert.Equal(summary.Curve.OrderByDescending(s => s.Loss).ThenBy(s => s.Trial).ThenBy(s => s.ForwardTokens), summary.Curve);
            Assert.Equal(plan.Layers, choices.Shapes(choices.Solve(budget, summary.Coefficients)!));
            Assert.Equal(200, summary.Trials);
            Assert.InRange(summary.Evaluated, summary.StoppedEarly + summary.Curve.Count, 199);
            Assert.True(summary.ForwardTokens > summary.Curve[^1].ForwardTokens * 0.999);
            Assert.True(plan.PredictedMilliseconds <= budget);
            Assert.Equal(plan.Layers, Search(200).Find(budget, CancellationToken.None)!.Layers);

            // A corrected budget goes on from there, with a quarter of the trials.
            var corrected = search.Correct(budget * 0.97, CancellationToken.None)!;
            Assert.True(corrected.PredictedMilliseconds <= budget * 0.97);
            Assert.True(LossOf(corrected) <= LossOf(choices.Plan(choices.Solve(budget * 0.97, summary.Coefficients)!, budget)) + 1e-5);
            Assert.Equal((250, summary.Curve.Count), (search.Summary(corrected).Trials, search.Summary(corrected).Curve.Count));
            Assert.True(search.Summary(corrected).ForwardTokens > summary.ForwardTokens);
            // Whichever plan is chosen among those found, the coefficients are its own.
            Assert.Equal(summary.Coefficients, search.Summary(plan).Coefficients);
            Assert.Equal(corrected.Layers, choices.Shapes(choices.Solve(budget * 0.97, search.Summary(corrected).Coefficients)!));
            Assert.Null(search.Correct(0.1, CancellationToken.None));
        });
    }

    private void WithChoices(Action<PlanChoices, PruningStore, LatencyTable> test)
    {
        using var model = TinyBert.Model(fixture.Session, 62);
        var table = MadeUpTable.Of(model);
        fixture.Run(() =>
        {
            using var calibration = new Calibration(model, Text, 40, _reporter, CancellationToken.None);
            using var store = PruningStore.Build(
                model.Weights(null, CancellationToken.None), calibration.Statistics(_reporter, CancellationToken.None), 1e-2, _reporter, CancellationToken.None);
            test(new(model.Layers, store, table), store, table);
        });
    }
}
