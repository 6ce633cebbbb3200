using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Pruning;

/// <summary>Statistics of a whole model, and the two ways to apply a plan: stitched and shrunk compute the same function.</summary>
public sealed class ShrinkTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(24, seed: 5));
    private static readonly (int Heads, int Width)[] Dense = [(TinyBert.Heads, TinyBert.Width), (TinyBert.Heads, TinyBert.Width), (TinyBert.Heads, TinyBert.Width)];

    [Theory]
    [InlineData(ScalarType.Float32, 1e-5)]
    [InlineData(ScalarType.Float64, 1e-11)]
    public void Stitched_equals_shrunk(ScalarType type, double tolerance) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe(Dense), 30, type);
        using var store = Order(model);
        using var batch = TinyBert.Batch(Data);
        var random = new Random(31);
        var plans = Enumerable.Range(0, 25).Select(_ => Dense.Select((d, i) => new LayerShape(i, random.Next(d.Heads + 1), random.Next(4) * random.Next(9))).ToList())
            .Append([new(0, 0, 0), new(1, 0, 0), new(2, 0, 0)])
            .Append([new(0, 4, 0), new(1, 0, 24), new(2, 1, 1)]);
        foreach (var plan in plans)
        {
            using var scope = NewDisposeScope();
            using var stitched = Stitcher.Stitch(model, store, plan);
            using var shrunk = Shrinker.Shrink(model, store, plan, CancellationToken.None);
            Assert.Equal(Dense.Select((d, i) => new LayerShape(i, d.Heads, d.Width)), stitched.Shapes);
            Assert.Equal(plan, shrunk.Shapes);
            var (a, b) = (stitched.Forward(batch, new() { KeepHidden = true }), shrunk.Forward(batch, new() { KeepHidden = true }));
            TinyBert.AssertTensorsClose(a.Logits!, b.Logits!, tolerance);
            Assert.All(a.Hidden.Zip(b.Hidden), pair => TinyBert.AssertTensorsClose(pair.First, pair.Second, tolerance));
            var inner = (long)plan.Sum(l => (l.Heads * 4 * ((4 * 16) + 3)) + (l.Heads > 0 ? 16 : 0) + (l.Width * 33) + (l.Width > 0 ? 16 : 0));
            Assert.Equal(TinyBert.ParameterCount(model) - (3 * ((4 * 4 * 67) + 16 + (24 * 33) + 16)) + inner, TinyBert.ParameterCount(shrunk));
        }
    });

    [Fact]
    public void The_dense_plan_is_the_dense_model_bit_for_bit() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe(Dense), 32);
        using var store = Order(model);
        using var shrunk = Shrinker.Shrink(model, store, model.Shapes, CancellationToken.None);
        using var batch = TinyBert.Batch(Data);
        Assert.Equal(TinyBert.Values(model.Forward(batch).Logits!), TinyBert.Values(shrunk.Forward(batch).Logits!));

        // A copy, not a view: the dense model goes on when the shrunk one is trained.
        using var gradients = no_grad();
        foreach (var (_, parameter) in shrunk.Parameters)
        {
            parameter.zero_();
        }

        Assert.All(model.Parameters, p => Assert.NotEqual(0, p.Parameter.abs().sum().item<float>()));
    });

    /// <summary>The prior that the surgeon gives is the error of this output matrix that the data show in the stitched model.</summary>
    [Theory]
    [InlineData(Sublayer.Attention)]
    [InlineData(Sublayer.FeedForward)]
    public void The_prior_is_the_error_of_the_sublayers_output_on_the_calibration_data(Sublayer sublayer) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe(Dense), 33, ScalarType.Float64);
        using var store = Order(model);
        var prunable = store[1, sublayer];
        var output = sublayer == Sublayer.Attention ? model.Blocks[1].Attention!.Output : model.Blocks[1].FeedForward!.Output;
        using var batch = TinyBert.Batch(Data);
        Tensor? x = null;
        model.Forward(batch, new() { Observe = (layer, kind, input) => x = layer == 1 && kind == sublayer ? input[batch.Mask].DetachFromDisposeScope() : x });
        using var tokens = x!;
        var dense = tokens.matmul(output.Weight.t());
        for (var level = 0; level <= prunable.Removal.Order.Count; level++)
        {
            var shape = sublayer == Sublayer.Attention ? new LayerShape(1, level, TinyBert.Width) : new LayerShape(1, TinyBert.Heads, level);
            using var stitched = Stitcher.Stitch(model, store, [model.Shapes[0], shape, model.Shapes[2]]);
            var rebuilt = sublayer == Sublayer.Attention ? stitched.Blocks[1].Attention!.Output : stitched.Blocks[1].FeedForward!.Output;
            var error = (tokens.matmul(rebuilt.Weight.t()) - dense).square().sum() / dense.square().sum();
            Assert.Equal(error.item<double>(), prunable.Removal.Prior(level), 1e-10);
        }
    });

    [Fact]
    public void A_model_that_is_pruned_already_can_be_pruned_again() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe([(3, 9), (0, 24), (2, 0)]), 34);
        using var store = Order(model);
        Assert.Equal([(0, Sublayer.Attention), (0, Sublayer.FeedForward), (1, Sublayer.FeedForward), (2, Sublayer.Attention)], store.Sublayers.Select(s => (s.Layer, s.Sublayer)));
        List<LayerShape> plan = [new(0, 1, 9), new(1, 0, 5), new(2, 0, 0)];
        using var batch = TinyBert.Batch(Data);
        using var stitched = Stitcher.Stitch(model, store, plan);
        using var shrunk = Shrinker.Shrink(model, store, plan, CancellationToken.None);
        Assert.Equal(plan, shrunk.Shapes);
        TinyBert.AssertTensorsClose(stitched.Forward(batch).Logits!, shrunk.Forward(batch).Logits!, 1e-5);
    });

    /// <summary>H is (2/N)·XXᵀ over real tokens: padding must neither add to the sum nor to N.</summary>
    [Fact]
    public void Statistics_with_padding_are_those_of_the_texts_one_by_one() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe([(4, 24), (2, 5)]), 35, ScalarType.Float64);
        using var padded = CalibrationStatistics.Collect(model, [TinyBert.Batch(Data)], CancellationToken.None);
        using var alone = CalibrationStatistics.Collect(model, TinyBert.Rows(Data), CancellationToken.None);
        var gram = new Dictionary<(int, Sublayer), Tensor>();
        foreach (var batch in TinyBert.Rows(Data))
        {
            model.Forward(batch, new()
            {
                Observe = (layer, sublayer, x) =>
                {
                    var tokens = x.squeeze(0);
                    var product = tokens.t().matmul(tokens);
                    gram[(layer, sublayer)] = (gram.TryGetValue((layer, sublayer), out var sum) ? sum + product : product).MoveToOuterDisposeScope();
                },
            });
            batch.Dispose();
        }

        foreach (var ((layer, sublayer), sum) in gram)
        {
            Assert.Equal(Data.Lengths.Sum(), padded[layer, sublayer].Tokens);
            Assert.Equal(Data.Lengths.Sum(), alone[layer, sublayer].Tokens);
            var expected = sum * (2.0 / Data.Lengths.Sum());
            TinyBert.AssertTensorsClose(expected, padded[layer, sublayer].Hessian(), 1e-11);
            TinyBert.AssertTensorsClose(expected, alone[layer, sublayer].Hessian(), 1e-11);
        }

        Assert.Equal(4, gram.Count);
    });

    [Theory]
    [InlineData("bert.encoder.layer.1.intermediate.dense.bias", "FeedForward", "layer 1")]
    [InlineData("bert.encoder.layer.0.attention.self.value.bias", "Attention", "layer 0")]
    public void Activations_that_are_not_finite_are_an_error_that_names_the_layer(string name, params string[] parts) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(36);
        using (no_grad())
        {
            model.Parameters.Single(p => p.Name == name).Parameter.fill_(float.NaN);
        }

        var error = Assert.Throws<ZipLMException>(() => CalibrationStatistics.Collect(model, TinyBert.Rows(Data), CancellationToken.None));
        Assert.Equal("ZipLM.CalibrationNotFinite", error.ErrorId);
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    });

    [Fact]
    public void No_batch_at_all_is_an_error() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(37);
        Assert.Equal("ZipLM.CalibrationEmpty", Assert.Throws<ZipLMException>(() => CalibrationStatistics.Collect(model, [], CancellationToken.None)).ErrorId);
    });

    [Fact]
    public void The_warning_about_singular_statistics_names_the_layer() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(38);
        using (no_grad())
        {
            // Two neurons of layer 1 that do the same.
            var (weight, bias) = (Parameter("bert.encoder.layer.1.intermediate.dense.weight"), Parameter("bert.encoder.layer.1.intermediate.dense.bias"));
            weight[3] = weight[8];
            bias[3] = bias[8];
            Tensor Parameter(string name) => model.Parameters.Single(p => p.Name == name).Parameter;
        }

        using var statistics = CalibrationStatistics.Collect(model, [TinyBert.Batch(Data)], CancellationToken.None);
        var reporter = new RecordingReporter();
        using var store = PruningStore.Build(model, statistics, 0, reporter, CancellationToken.None);
        Assert.Contains("FeedForward output matrix of layer 1", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
    });

    [Fact]
    public void Levels_are_all_heads_and_nine_tenths_of_each_width()
    {
        Assert.Equal([4, 3, 2, 1, 0], LevelGrid.Of(Sublayer.Attention, 4));
        var widths = LevelGrid.Of(Sublayer.FeedForward, 3072);
        Assert.Equal([3072, 2765, 2488], widths.Take(3));
        Assert.Equal([33, 0], widths.TakeLast(2));
        Assert.Equal(45, widths.Count);
        Assert.Equal([3, 2, 1, 0], LevelGrid.Of(Sublayer.FeedForward, 3).Take(4));
        foreach (var dense in new[] { 1, 2, 7, 24, 100, 777 })
        {
            var levels = LevelGrid.Widths(dense);
            Assert.Equal(levels.Distinct().OrderDescending(), levels);
            Assert.Equal((dense, 0), (levels[0], levels[^1]));
        }
    }

    private static PruningStore Order(Transformer model)
    {
        using var statistics = CalibrationStatistics.Collect(model, [TinyBert.Batch(Data)], CancellationToken.None);
        return PruningStore.Build(model, statistics, 1e-2, new RecordingReporter(), CancellationToken.None);
    }
}
