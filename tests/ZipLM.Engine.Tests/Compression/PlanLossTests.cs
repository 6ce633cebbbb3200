using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Tests.Models;

namespace ZipLM.Engine.Tests.Compression;

/// <summary>The loss of plans part by part against the stitched model's, whatever was evaluated and kept before.</summary>
public sealed class PlanLossTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly TextDataset Text = TinyBert.Data(90, seed: 20);

    /// <summary>Plans that share the first few sublayers with the one before, and all else differs.</summary>
    private static readonly LayerShape[][] Plans =
    [
        [new(0, 4, 24), new(1, 4, 24), new(2, 4, 24)],
        [new(0, 2, 13), new(1, 3, 7), new(2, 1, 20)],
        [new(0, 2, 13), new(1, 3, 7), new(2, 1, 2)],
        [new(0, 2, 13), new(1, 3, 9), new(2, 0, 20)],
        [new(0, 2, 0), new(1, 3, 9), new(2, 0, 20)],
        [new(0, 2, 13), new(1, 0, 0), new(2, 4, 0)],
        [new(0, 0, 0), new(1, 0, 0), new(2, 0, 0)],
        [new(0, 2, 13), new(1, 3, 7), new(2, 1, 20)],
    ];

    [Theory]
    [InlineData("labels", long.MaxValue)]
    [InlineData("labels", 0)]
    [InlineData("labels", 20_000)]
    [InlineData("answers", long.MaxValue)]
    [InlineData("headless", long.MaxValue)]
    public void It_is_the_stitched_models_loss(string kind, long cacheBytes) => fixture.Run(() =>
    {
        using var dense = Dense(kind);
        using var statistics = Statistics(dense);
        using var store = PruningStore.Build(dense, statistics, 1e-2, new RecordingReporter(), CancellationToken.None);
        using var loss = new SearchLoss(dense, TinyBert.Encode(kind == "answers" ? TinyBert.Unlabelled(Text) : Text), CancellationToken.None);
        using var plans = new PlanLoss(dense, store, loss, cacheBytes);
        Assert.Equal([8, 8, 16, 32, 26], loss.Parts.Select(p => loss.Batches.Take(p).Sum(b => b.Rows.Count)));
        for (var i = 0; i < Plans.Length; i++)
        {
            using var stitched = Stitcher.Stitch(dense, store, Plans[i]);
            var expected = loss.Of(stitched, CancellationToken.None);
            var rows = Enumerable.Range(0, loss.Parts.Count).SelectMany(part => plans.Of(Plans[i], part, CancellationToken.None)).ToList();
            Assert.Equal(Text.Count, rows.Count);
            Assert.Equal(expected, rows.Average(), 1e-5 * Math.Max(1, expected));
            if (i % 3 < 2)
            {
                plans.Keep(Plans[i]);
            }
        }
    });

    /// <summary>Whatever they have in common: the beginning, a level behind different ones, nothing.</summary>
    [Theory]
    [InlineData("labels", long.MaxValue)]
    [InlineData("labels", 0)]
    [InlineData("headless", 20_000)]
    [InlineData("gpt2", long.MaxValue)]
    public void Several_plans_at_once_have_the_losses_that_they_have_alone(string kind, long cacheBytes) => fixture.Run(() =>
    {
        using var dense = Dense(kind);
        using var statistics = Statistics(dense);
        using var store = PruningStore.Build(dense, statistics, 1e-2, new RecordingReporter(), CancellationToken.None);
        using var loss = new SearchLoss(dense, TinyBert.Encode(Text), CancellationToken.None);
        using var apart = new PlanLoss(dense, store, loss, long.MaxValue);
        using var together = new PlanLoss(dense, store, loss, cacheBytes);
        // Those that lose leave, and the others go on.
        foreach (var wave in new[] { Plans[..4], Plans[4..], Plans[2..4] })
        {
            foreach (var part in Enumerable.Range(0, loss.Parts.Count))
            {
                var running = part < 2 ? wave : [.. wave.Skip(1).Take(2)];
                var found = together.Of(running, part, CancellationToken.None);
                Assert.Equal(running.Length, found.Count);
                foreach (var (plan, own) in running.Zip(found))
                {
                    var alone = apart.Of(plan, part, CancellationToken.None);
                    Assert.All(alone.Zip(own), rows => Assert.Equal(rows.First, rows.Second, 1e-5 * Math.Max(1, rows.First)));
                }
            }

            together.Keep(wave[1]);
        }
    });

    /// <summary>A wave pays once for what its plans have in common, and nothing for what the best has, too.</summary>
    [Fact]
    public void What_several_plans_begin_with_is_computed_once() => fixture.Run(() =>
    {
        using var dense = Dense("labels");
        using var statistics = Statistics(dense);
        using var store = PruningStore.Build(dense, statistics, 1e-2, new RecordingReporter(), CancellationToken.None);
        using var loss = new SearchLoss(dense, TinyBert.Encode(Text), CancellationToken.None);
        using var plans = new PlanLoss(dense, store, loss, long.MaxValue);
        double tokens = TinyBert.Encode(Text).Lengths.Take(8).Sum();
        // Five sublayers of the first two in common and one each; of the third the first three, one more, and a dropped one behind.
        plans.Of([Plans[1], Plans[2], Plans[3]], 0, CancellationToken.None);
        Assert.Equal((5 + 2 + 2) * tokens / 6, plans.ForwardTokens, 1e-9);
        plans.Keep(Plans[2]);
        // The same twice is one.
        plans.Of([[.. Plans[2][..2], new(2, 1, 9)], [.. Plans[2][..2], new(2, 1, 9)], Plans[1]], 0, CancellationToken.None);
        Assert.Equal((5 + 2 + 2 + 1) * tokens / 6, plans.ForwardTokens, 1e-9);
    });

    /// <summary>Whichever was evaluated or kept between.</summary>
    [Fact]
    public void What_is_known_of_a_plan_is_not_computed_again() => fixture.Run(() =>
    {
        using var dense = Dense("labels");
        using var statistics = Statistics(dense);
        using var store = PruningStore.Build(dense, statistics, 1e-2, new RecordingReporter(), CancellationToken.None);
        using var loss = new SearchLoss(dense, TinyBert.Encode(Text), CancellationToken.None);
        using var plans = new PlanLoss(dense, store, loss, long.MaxValue);
        var once = plans.Of(Plans[1], 0, CancellationToken.None);
        plans.Of(Plans[3], 0, CancellationToken.None);
        plans.Keep(Plans[3]);
        var tokens = plans.ForwardTokens;
        Assert.Equal(once, plans.Of(Plans[1], 0, CancellationToken.None));
        plans.Keep(Plans[1]);
        Assert.Equal(tokens, plans.ForwardTokens);
        // The best that others begin like is still the one whose activations are there.
        using var stitched = Stitcher.Stitch(dense, store, Plans[4]);
        var rows = Enumerable.Range(0, loss.Parts.Count).SelectMany(part => plans.Of(Plans[4], part, CancellationToken.None));
        Assert.Equal(loss.Of(stitched, CancellationToken.None), rows.Average(), 1e-5);
    });

    /// <summary>A plan that loses on the first part is kept nowhere; the best's activations serve the next all the same.</summary>
    [Fact]
    public void Forward_tokens_count_the_share_of_the_sublayers_that_were_executed() => fixture.Run(() =>
    {
        using var dense = Dense("labels");
        using var statistics = Statistics(dense);
        using var store = PruningStore.Build(dense, statistics, 1e-2, new RecordingReporter(), CancellationToken.None);
        using var loss = new SearchLoss(dense, TinyBert.Encode(Text), CancellationToken.None);
        using var plans = new PlanLoss(dense, store, loss, long.MaxValue);
        // The rows of each part are the sample's, in its order.
        var lengths = TinyBert.Encode(Text).Lengths;
        double first = lengths.Take(8).Sum(), all = lengths.Sum();

        Assert.Equal(first, Tokens(0, 1), 1e-9);
        plans.Keep(Plans[0]);
        Assert.Equal(all, Tokens(1, 5), 1e-9);
        plans.Keep(Plans[1]);
        Assert.Equal(first / 6, Tokens(2, 1), 1e-9);
        // The first three sublayers are the best's, the fifth is dropped.
        Assert.Equal(all * 2 / 6, Tokens(3, 5), 1e-9);
        plans.Keep(Plans[3]);
        // From the second sublayer on, which is dropped like the fifth.
        Assert.Equal(all * 3 / 6, Tokens(4, 5), 1e-9);
        // What was kept twice over still serves: the first two.
        Assert.Equal(all * 1 / 6, Tokens(5, 5), 1e-9);
        Assert.Equal(0, Tokens(6, 5));

        double Tokens(int plan, int parts)
        {
            var before = plans.ForwardTokens;
            for (var part = 0; part < parts; part++)
            {
                plans.Of(Plans[plan], part, CancellationToken.None);
            }

            return plans.ForwardTokens - before;
        }
    });

    [Fact]
    public void It_stops_when_asked() => fixture.Run(() =>
    {
        using var dense = Dense("labels");
        using var statistics = Statistics(dense);
        using var store = PruningStore.Build(dense, statistics, 1e-2, new RecordingReporter(), CancellationToken.None);
        using var loss = new SearchLoss(dense, TinyBert.Encode(Text), CancellationToken.None);
        using var plans = new PlanLoss(dense, store, loss, long.MaxValue);
        Assert.Throws<OperationCanceledException>(() => plans.Of(Plans[1], 0, new CancellationToken(true)));
    });

    private static Transformer Dense(string kind) => kind == "gpt2" ? TinyBert.Create(TinyFamilies.Describe("gpt2 classification", "4/24 4/24 4/24"), 30) : TinyBert.Create(
        TinyBert.Describe([(4, 24), (4, 24), (4, 24)], kind == "headless" ? c => c["architectures"]![0] = "BertModel" : null), 30);

    private static CalibrationStatistics Statistics(Transformer dense) =>
        CalibrationStatistics.Collect(dense, TinyBert.Rows(TinyBert.Encode(TinyBert.Data(60, seed: 21))), CancellationToken.None);
}
