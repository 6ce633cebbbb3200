using Xunit;
using ZipLM.Engine.Compression;

namespace ZipLM.Engine.Tests.Compression;

public sealed class SaliencyFlowTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    [Fact]
    public void There_is_a_row_for_each_structure_that_is_left_with_its_place_in_the_order()
    {
        using var model = TinyBert.Model(fixture.Session, 110, TinyBert.Describe([(4, 9), (0, 24), (2, 0)]));
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(model, TinyBert.Data(40, 12), new() { CalibrationSamples = 20 }, rows.Add, new RecordingReporter(), TestContext.Current.CancellationToken);
        Assert.All(rows, r => Assert.Same(model, r.Model));
        var groups = rows.GroupBy(r => (r.Layer, r.Sublayer)).ToList();
        Assert.Equal(
            [((0, Sublayer.Attention), 4), ((0, Sublayer.FeedForward), 9), ((1, Sublayer.FeedForward), 24), ((2, Sublayer.Attention), 2)],
            groups.Select(g => (g.Key, g.Count())));
        foreach (var group in groups)
        {
            Assert.Equal(Enumerable.Range(0, group.Count()), group.Select(r => r.Index));
            var ordered = group.OrderBy(r => r.Order).ToList();
            Assert.Equal(Enumerable.Range(1, group.Count()), ordered.Select(r => r.Order));
            Assert.Equal(1, ordered[^1].PriorAfter);
            Assert.All(group, r => Assert.True(r.Saliency > 0 && r.PriorAfter > 0));

            // The first to go is the cheapest, and its cost is about the error that is there once it is gone.
            Assert.Equal(group.Min(r => r.Saliency), ordered[0].Saliency);
            Assert.InRange(ordered[0].PriorAfter, 0, ordered[0].Saliency * (1 + 1e-9));
        }
    }

    [Fact]
    public void An_error_of_the_receiver_ends_it()
    {
        using var model = TinyBert.Model(fixture.Session, 111);
        var rows = 0;
        var thrown = Assert.Throws<InvalidOperationException>(() => SaliencyFlow.Run(
            model, TinyBert.Data(40, 12), new() { CalibrationSamples = 20 }, _ => throw new InvalidOperationException($"enough after {rows++}"), new RecordingReporter(), TestContext.Current.CancellationToken));
        Assert.Equal("enough after 0", thrown.Message);
    }

    [Fact]
    public void Several_dampings_give_a_ranking_each()
    {
        using var model = TinyBert.Model(fixture.Session, 112);
        var rows = Rows(model, new() { CalibrationSamples = 20, Dampings = [1e-3, 1] });
        var rankings = rows.GroupBy(r => r.RequestedDamping).ToList();
        Assert.Equal([1e-3, 1], rankings.Select(r => r.Key));
        foreach (var ranking in rankings)
        {
            Assert.Equal(Rows(model, new() { CalibrationSamples = 20, Dampings = [ranking.Key] }), ranking);
            Assert.Equal(Enumerable.Range(1, 56), ranking.Select(r => r.Rank).Order());
        }

        Assert.NotEqual(rankings[0].Select(r => r.PriorAfter), rankings[1].Select(r => r.PriorAfter));
    }

    [Fact]
    public void The_rank_among_all_goes_by_the_prior_that_is_left()
    {
        using var model = TinyBert.Model(fixture.Session, 113);
        var rows = Rows(model, new() { CalibrationSamples = 20 });
        var byRank = rows.OrderBy(r => r.Rank).ToList();
        Assert.Equal(Enumerable.Range(1, rows.Count), byRank.Select(r => r.Rank));
        Assert.All(byRank.Zip(byRank.Skip(1)), pair => Assert.True(
            pair.First.PriorAfter < pair.Second.PriorAfter
            || (pair.First.PriorAfter == pair.Second.PriorAfter && (pair.First.Layer, pair.First.Sublayer, pair.First.Order).CompareTo((pair.Second.Layer, pair.Second.Sublayer, pair.Second.Order)) < 0)));
        Assert.Equal([1, 1, 1, 1], byRank.TakeLast(4).Select(r => r.PriorAfter));
    }

    [Theory]
    [InlineData(PruningCriterion.ZipLM)]
    [InlineData(PruningCriterion.Magnitude)]
    [InlineData(PruningCriterion.Activation)]
    [InlineData(PruningCriterion.Fisher)]
    [InlineData(PruningCriterion.Random)]
    public void Rows_say_by_what_they_were_ranked(PruningCriterion criterion)
    {
        using var model = TinyBert.Model(fixture.Session, 114);
        var with = Rows(model, new() { CalibrationSamples = 20, Criterion = criterion });
        var without = Rows(model, new() { CalibrationSamples = 20, Criterion = criterion, Repair = false });
        Assert.All(with, r => Assert.Equal((criterion, true), (r.Criterion, r.Repair)));
        Assert.All(without, r => Assert.Equal((criterion, false), (r.Criterion, r.Repair)));
        // Repair changes what a removal costs, never who goes when.
        Assert.Equal(with.Select(r => (r.Index, r.Order, r.Saliency)), without.Select(r => (r.Index, r.Order, r.Saliency)));
        Assert.NotEqual(with.Select(r => r.PriorAfter), without.Select(r => r.PriorAfter));
        if (criterion != PruningCriterion.ZipLM)
        {
            Assert.All(with.GroupBy(r => (r.Layer, r.Sublayer)), g => Assert.Equal(g.OrderBy(r => r.Saliency).Select(r => r.Index), g.OrderBy(r => r.Order).Select(r => r.Index)));
        }
    }

    private static List<StructureSaliency> Rows(Model model, SaliencyOptions options)
    {
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(model, TinyBert.Data(40, 12), options, rows.Add, new RecordingReporter(), TestContext.Current.CancellationToken);
        return rows;
    }
}
