using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Pruning;

/// <summary>Magnitude, activation and random scores against plain loops over the model's own numbers.</summary>
public sealed class CriterionScoresTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(24, seed: 6));

    [Theory]
    [InlineData(Sublayer.Attention, 4, 4)]
    [InlineData(Sublayer.FeedForward, 24, 1)]
    public void Magnitude_is_the_squared_norm_of_a_structures_columns(Sublayer sublayer, int structures, int size) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(40);
        using var store = Order(model, PruningCriterion.Magnitude);
        var output = Output(model, sublayer);
        var (w, columns) = (TinyBert.Values(output.Weight), structures * size);
        var expected = Enumerable.Range(0, structures).Select(s =>
            Enumerable.Range(0, TinyBert.Hidden).Sum(row => Enumerable.Range(s * size, size).Sum(j => w[(row * columns) + j] * w[(row * columns) + j]))).ToArray();
        AssertOrdered(expected, store[1, sublayer].Removal);
    });

    [Theory]
    [InlineData(Sublayer.Attention, 4, 4)]
    [InlineData(Sublayer.FeedForward, 24, 1)]
    public void Activation_is_the_energy_that_a_structure_feeds_in(Sublayer sublayer, int structures, int size) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(41);
        using var store = Order(model, PruningCriterion.Activation);
        var expected = new double[structures];
        foreach (var batch in TinyBert.Rows(Data))
        {
            model.Forward(batch, new()
            {
                Observe = (layer, kind, x) =>
                {
                    var values = layer == 1 && kind == sublayer ? TinyBert.Values(x) : [];
                    for (var i = 0; i < values.Length; i++)
                    {
                        expected[i % (structures * size) / size] += 2 * values[i] * values[i] / Data.Lengths.Sum();
                    }
                },
            });
            batch.Dispose();
        }

        AssertOrdered(expected, store[1, sublayer].Removal);
    });

    [Fact]
    public void Random_is_a_permutation_by_the_seed() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(42);
        using var one = Order(model, PruningCriterion.Random, 5);
        using var same = Order(model, PruningCriterion.Random, 5);
        using var other = Order(model, PruningCriterion.Random, 6);
        Assert.All(one.Sublayers.Zip(same.Sublayers), pair => Assert.Equal(pair.First.Removal.Order, pair.Second.Removal.Order));
        Assert.NotEqual(Orders(one), Orders(other));
        var wide = one.Sublayers.Where(s => s.Sublayer == Sublayer.FeedForward).Select(s => s.Removal.Order).ToList();
        Assert.NotEqual(wide[0], wide[1]);
        Assert.All(wide, o => Assert.Equal(Enumerable.Range(0, TinyBert.Width), o.Order()));

        static IEnumerable<int> Orders(PruningStore store) => store.Sublayers.SelectMany(s => s.Removal.Order);
    });

    [Fact]
    public void ZipLMs_own_scores_are_the_surgeons() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(43);
        Assert.Null(CriterionScores.Prepare(PruningCriterion.ZipLM, model, [], 1, CancellationToken.None));
    });

    [Fact]
    public void A_sublayer_that_is_dropped_already_is_left_out() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe([(3, 9), (0, 24), (2, 0)]), 44);
        foreach (var criterion in Enum.GetValues<PruningCriterion>())
        {
            using var store = Order(model, criterion);
            Assert.Equal([3, 9, 24, 2], store.Sublayers.Select(s => s.Removal.Order.Count));
        }
    });

    private static void AssertOrdered(double[] expected, Removal removal)
    {
        TinyBert.AssertClose(expected, removal.Saliencies, 1e-5);
        Assert.Equal(Enumerable.Range(0, expected.Length).OrderBy(i => expected[i]), removal.Order);
    }

    private static Linear Output(Transformer model, Sublayer sublayer) =>
        sublayer == Sublayer.Attention ? model.Blocks[1].Attention!.Output : model.Blocks[1].FeedForward!.Output;

    private static PruningStore Order(Transformer model, PruningCriterion criterion, int seed = 1)
    {
        using var statistics = CalibrationStatistics.Collect(model, [TinyBert.Batch(Data)], CancellationToken.None);
        var scores = CriterionScores.Prepare(criterion, model, TinyBert.Rows(Data), seed, CancellationToken.None);
        return PruningStore.Build(model, statistics, 1e-2, new RecordingReporter(), CancellationToken.None, null, scores);
    }
}
