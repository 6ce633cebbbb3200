using TorchSharp;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Compression;

/// <summary>The three losses against plain loops, text by text and so without padding.</summary>
public sealed class SearchLossTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly TextDataset Text = TinyBert.Data(70, seed: 8);

    [Fact]
    public void With_labels_it_is_their_cross_entropy() => fixture.Run(() =>
    {
        using var dense = TinyBert.Create(90);
        using var pruned = TinyBert.Create(91);
        using var loss = new SearchLoss(dense, TinyBert.Encode(Text), CancellationToken.None);
        Assert.Equal(LossMeasure.CrossEntropy, loss.Measure);
        foreach (var (model, actual) in new[] { (dense, loss.Dense), (pruned, loss.Of(pruned, CancellationToken.None)) })
        {
            var expected = Logits(model).Zip(Text.Examples, (logits, e) => -LogProbabilities(logits)[e.Label!.Value]).Average();
            Assert.Equal(expected, actual, 1e-5);
        }
    });

    [Fact]
    public void Without_labels_it_is_the_divergence_from_the_dense_models_answers() => fixture.Run(() =>
    {
        using var dense = TinyBert.Create(92);
        using var pruned = TinyBert.Create(93);
        var unlabelled = new TextDataset("toy", [.. Text.Examples.Select(e => e with { Label = null })], []);
        using var loss = new SearchLoss(dense, TinyBert.Encode(unlabelled), CancellationToken.None);
        Assert.Equal((LossMeasure.KLDivergence, 0.0), (loss.Measure, loss.Dense));
        Assert.Equal(0, loss.Of(dense, CancellationToken.None), 1e-6);
        var expected = Logits(dense).Zip(Logits(pruned), (d, p) =>
            LogProbabilities(d).Zip(LogProbabilities(p), (a, b) => Math.Exp(a) * (a - b)).Sum()).Average();
        Assert.True(expected > 0.05);
        Assert.Equal(expected, loss.Of(pruned, CancellationToken.None), 1e-5);
    });

    [Fact]
    public void Without_a_head_it_is_the_error_of_the_last_hidden_states() => fixture.Run(() =>
    {
        var headless = TinyBert.Describe(change: c => c["architectures"]![0] = "BertModel");
        using var dense = TinyBert.Create(headless, 94);
        using var pruned = TinyBert.Create(headless, 95);
        using var loss = new SearchLoss(dense, TinyBert.Encode(Text), CancellationToken.None);
        Assert.Equal((LossMeasure.HiddenStateError, 0.0), (loss.Measure, loss.Dense));
        Assert.Equal(0, loss.Of(dense, CancellationToken.None));
        var (d, p) = (Hidden(dense), Hidden(pruned));
        Assert.Equal(d.Zip(p, (a, b) => (a - b) * (a - b)).Sum() / d.Sum(v => v * v), loss.Of(pruned, CancellationToken.None), 1e-5);
    });

    private static double[][] Logits(Transformer model) => Each(model, m => m.Logits!);

    private static double[] Hidden(Transformer model) => [.. Each(model, m => m.LastHidden).SelectMany(v => v)];

    private static double[][] Each(Transformer model, Func<ModelOutput, Tensor> what) => [.. TinyBert.Rows(TinyBert.Encode(Text)).Select(batch =>
    {
        using (batch)
        {
            return TinyBert.Values(what(model.Forward(batch)));
        }
    })];

    private static double[] LogProbabilities(double[] logits)
    {
        var total = Math.Log(logits.Sum(v => Math.Exp(v - logits.Max()))) + logits.Max();
        return [.. logits.Select(v => v - total)];
    }
}
