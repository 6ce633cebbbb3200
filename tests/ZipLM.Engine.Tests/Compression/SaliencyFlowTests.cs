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
        SaliencyFlow.Run(model, TinyBert.Data(40, 12), 20, 1e-2, rows.Add, new RecordingReporter(), TestContext.Current.CancellationToken);
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
    public void Rows_come_as_each_sublayer_is_ready_and_an_error_of_the_receiver_ends_it()
    {
        using var model = TinyBert.Model(fixture.Session, 111);
        var rows = 0;
        var thrown = Assert.Throws<InvalidOperationException>(() => SaliencyFlow.Run(
            model, TinyBert.Data(40, 12), 20, 1e-2, _ => throw new InvalidOperationException($"enough after {rows++}"), new RecordingReporter(), TestContext.Current.CancellationToken));
        Assert.Equal("enough after 0", thrown.Message);
    }
}
