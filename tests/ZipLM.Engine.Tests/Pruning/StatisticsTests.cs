using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Pruning;

/// <summary>Sums over batches: their order, their parts, and what must not get into them.</summary>
public sealed class StatisticsTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(40, seed: 6));

    private readonly RecordingReporter _reporter = new();

    [Fact]
    public void Sums_do_not_depend_on_the_order_of_the_batches() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(40);
        using var forward = CalibrationStatistics.Collect(model, Batches(), CancellationToken.None);
        using var backward = CalibrationStatistics.Collect(model, Batches().Reverse(), CancellationToken.None);
        AssertSame(model, forward, backward, 1e-13);
    });

    [Fact]
    public void Two_halves_of_several_workers_add_up_to_the_whole() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(41);
        using var folder = new ModelFolder();
        using var whole = CalibrationStatistics.Collect(model, Batches(), CancellationToken.None);
        using var first = CalibrationStatistics.Collect(model, Batches().Take(2), CancellationToken.None);
        // What lies in files adds up as well.
        using var second = CalibrationStatistics.Collect(model, Batches().Skip(2), Directory(folder), long.MaxValue, CancellationToken.None);
        Assert.NotEqual(first[0, Sublayer.Attention].Tokens, second[0, Sublayer.Attention].Tokens);
        first.Add(second);
        AssertSame(model, whole, first, 1e-13);
    });

    /// <summary>However few blocks fit at a time, the sums are those of one pass, bit for bit.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7_000)]
    [InlineData(long.MaxValue)]
    public void Block_by_block_gives_the_sums_of_all_at_once(long memory) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe([(4, 24), (0, 24), (3, 0), (0, 0), (2, 9)]), 42);
        using var folder = new ModelFolder();
        using var whole = CalibrationStatistics.Collect(model, Batches(), CancellationToken.None);
        var passes = 0;
        using var streamed = CalibrationStatistics.Collect(model, Counted(), Directory(folder), memory, CancellationToken.None);
        // Two heads have 8 columns, so that the blocks take 6,656 + 4,608 + 1,152 + 0 + 1,160 bytes.
        Assert.Equal(memory switch { 1 => 5, 7_000 => 2, _ => 1 }, passes);
        AssertSame(model, whole, streamed, 0);

        IEnumerable<Batch> Counted()
        {
            passes++;
            foreach (var batch in Batches())
            {
                yield return batch;
            }
        }
    });

    [Fact]
    public void Activations_that_are_not_finite_name_the_layer_and_the_batch() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe([(4, 24), (4, 24), (4, 24)]), 44);
        var batches = Batches().ToList();
        // A token of its own, whose embedding is infinite, in the third batch only.
        using (no_grad())
        {
            model.Parameters.Single(p => p.Name == "bert.embeddings.word_embeddings.weight").Parameter[1] = float.PositiveInfinity;
        }

        batches[2].InputIds[0, 1] = 1;
        var error = Assert.Throws<ZipLMException>(() => CalibrationStatistics.Collect(model, batches, CancellationToken.None));
        Assert.Equal("ZipLM.CalibrationNotFinite", error.ErrorId);
        Assert.Contains("Attention output matrix of layer 0", error.Message, StringComparison.Ordinal);
        Assert.Contains("batch 3", error.Message, StringComparison.Ordinal);
        batches.ForEach(b => b.Dispose());
    });

    [Fact]
    public void An_infinite_weight_late_in_the_model_names_that_layer() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(45);
        using (no_grad())
        {
            model.Parameters.Single(p => p.Name == "bert.encoder.layer.1.intermediate.dense.bias").Parameter[3] = float.PositiveInfinity;
        }

        var error = Assert.Throws<ZipLMException>(() => CalibrationStatistics.Collect(model, Batches(), CancellationToken.None));
        Assert.Contains("FeedForward output matrix of layer 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("batch 1 ", error.Message, StringComparison.Ordinal);
    });

    /// <summary>A batch of padding alone makes attention compute NaN; none of it may get into the sums.</summary>
    [Fact]
    public void Batches_of_padding_alone_add_nothing() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(46);
        using var whole = CalibrationStatistics.Collect(model, Batches(), CancellationToken.None);
        using var more = CalibrationStatistics.Collect(model, Batches().Append(Padding()).Prepend(Padding()), CancellationToken.None);
        AssertSame(model, whole, more, 0);

        var error = Assert.Throws<ZipLMException>(() => CalibrationStatistics.Collect(model, [Padding(), Padding()], CancellationToken.None));
        Assert.Equal("ZipLM.CalibrationEmpty", error.ErrorId);
    });

    /// <summary>From the files the surgeon gives what it gives from memory, and so do the levels, which read H again.</summary>
    [Fact]
    public void A_store_on_files_is_the_store_in_memory() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(47);
        using var folder = new ModelFolder();
        using var inMemory = CalibrationStatistics.Collect(model, Batches(), CancellationToken.None);
        using var inFiles = CalibrationStatistics.Collect(model, Batches(), Directory(folder), 1, CancellationToken.None);
        using var a = PruningStore.Build(model, inMemory, 1e-2, _reporter, CancellationToken.None);
        using var b = PruningStore.Build(model, inFiles, 1e-2, _reporter, CancellationToken.None, cacheBytes: 0);
        foreach (var (x, y) in a.Sublayers.Zip(b.Sublayers))
        {
            Assert.Equal(x.Removal.Order, y.Removal.Order);
            Assert.Equal(x.Removal.Priors, y.Removal.Priors);
            TinyBert.AssertTensorsClose(x.Rebuild(3).Weight, y.Rebuild(3).Weight, 0);
        }

        Assert.Equal(a.Sublayers.Max(s => s.Removal.Condition), b.WorstCondition);
        Assert.Equal(1e-2, b.LargestDamping);
    });

    private static StatisticsDirectory Directory(ModelFolder folder) => new(folder.Path, new("tiny", "m", "toy", 40, "d"));

    private static IEnumerable<Batch> Batches() => Batch.Sequential(Data, 9, CPU);

    /// <summary>A batch whose mask is false everywhere.</summary>
    private static Batch Padding()
    {
        var batch = TinyBert.Batch(Data);
        batch.Mask.zero_();
        return batch;
    }

    private static void AssertSame(Transformer model, CalibrationStatistics expected, CalibrationStatistics actual, double tolerance)
    {
        foreach (var block in model.Blocks)
        {
            foreach (var sublayer in Enum.GetValues<Sublayer>())
            {
                if (block.Shape.Level(sublayer) > 0)
                {
                    Assert.Equal(expected[block.Layer, sublayer].Tokens, actual[block.Layer, sublayer].Tokens);
                    TinyBert.AssertTensorsClose(expected[block.Layer, sublayer].Hessian(), actual[block.Layer, sublayer].Hessian(), tolerance);
                }
            }
        }
    }
}
