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

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_a_regression_it_is_the_squared_error(bool labelled) => fixture.Run(() =>
    {
        var description = Models.TinyFamilies.Describe("bert regression");
        using var dense = TinyBert.Create(description, 96);
        using var pruned = TinyBert.Create(description, 97);
        var data = Encode(new("numbers", [.. Text.Examples.Take(9).Select((e, i) => new TextExample(e.Text) { Score = labelled ? i : null })], []), ModelTask.Regression);
        using var loss = new SearchLoss(dense, data, CancellationToken.None);
        var (d, p) = (Answers(dense, data), Answers(pruned, data));
        Assert.Equal(LossMeasure.SquaredError, loss.Measure);
        Assert.Equal(labelled ? d.Select((v, i) => Math.Pow(v[0] - i, 2)).Average() : 0, loss.Dense, 1e-4);
        Assert.Equal(p.Select((v, i) => Math.Pow(v[0] - (labelled ? i : d[i][0]), 2)).Average(), loss.Of(pruned, CancellationToken.None), 1e-4);
    });

    /// <summary>Start and end, each a choice among the tokens of its text.</summary>
    [Fact]
    public void Of_questions_without_answers_it_is_the_divergence_of_starts_and_ends() => fixture.Run(() =>
    {
        var description = Models.TinyFamilies.Describe("bert spans");
        using var dense = TinyBert.Create(description, 98);
        using var pruned = TinyBert.Create(description, 99);
        var data = Encode(new("questions", [.. Text.Examples.Take(9).Select(e => new TextExample("w1", e.Text))], []), ModelTask.QuestionAnswering);
        using var loss = new SearchLoss(dense, data, CancellationToken.None);
        Assert.Equal((LossMeasure.KLDivergence, 0.0), (loss.Measure, loss.Dense));
        var expected = Answers(dense, data).Zip(Answers(pruned, data)).SelectMany(pair => new[] { 0, 1 }.Select(side =>
            Side(pair.First, side).Zip(Side(pair.Second, side), (a, b) => Math.Exp(a) * (a - b)).Sum())).Average();
        Assert.Equal(expected, loss.Of(pruned, CancellationToken.None), 1e-5);

        static double[] Side(double[] logits, int side) => LogProbabilities([.. logits.Where((_, i) => i % 2 == side)]);
    });

    [Fact]
    public void Of_a_causal_model_it_is_the_cross_entropy_of_the_next_tokens() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(Models.TinyFamilies.Describe("gpt2 causal"), 100);
        var data = Encode(new("texts", [.. Text.Examples.Take(9).Select(e => new TextExample(e.Text))], []), ModelTask.CausalLanguageModeling);
        using var loss = new SearchLoss(model, data, CancellationToken.None);
        var expected = Answers(model, data).Zip(data.Examples).SelectMany(pair => Enumerable.Range(1, pair.Second.Length - 1)
            .Select(t => -LogProbabilities(pair.First[((t - 1) * 40)..(t * 40)])[pair.Second.Ids[t]])).Average();
        Assert.Equal(LossMeasure.CrossEntropy, loss.Measure);
        Assert.Equal(expected, loss.Dense, 1e-5);
    });

    private static Engine.Data.EncodedDataset Encode(TextDataset data, ModelTask task) =>
        Engine.Data.EncodedDataset.Encode(data, TinyBert.Tokenizer, TinyBert.Positions, CancellationToken.None, task);

    private static double[][] Answers(Transformer model, Engine.Data.EncodedDataset data) => [.. TinyBert.Rows(data).Select(batch =>
    {
        using (batch)
        {
            return TinyBert.Values(model.Forward(batch).Logits!);
        }
    })];

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
