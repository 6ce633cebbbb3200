using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Evaluation;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Evaluation;

/// <summary>The loss of each task, and the divergence of answers, against loops over plain numbers, text by text.</summary>
public sealed class TaskLossTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private const int Words = 40;

    [Fact]
    public void Classification_is_cross_entropy_with_the_labels() => fixture.Run(() =>
    {
        using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(6, seed: 1)));
        var logits = Random(6, 3);
        var labels = TinyBert.Data(6, seed: 1).Examples.Select(e => e.Label!.Value).ToList();
        Assert.Equal(labels.Select((label, i) => -LogSoftmax(Row(logits, i))[label]).Average(), TaskLoss.Mean(logits, batch).item<double>(), 1e-12);
    });

    /// <summary>With smoothing the label has 1 − s + s/n of the weight, each other s/n (Szegedy et al., 2016).</summary>
    [Fact]
    public void Label_smoothing_gives_every_label_a_share() => fixture.Run(() =>
    {
        using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(6, seed: 1)));
        var logits = Random(6, 3);
        var labels = TinyBert.Data(6, seed: 1).Examples.Select(e => e.Label!.Value).ToList();
        var expected = labels.Select((label, i) => LogSoftmax(Row(logits, i)).Select((l, c) => -l * ((c == label ? 0.8 : 0) + (0.2 / 3))).Sum()).Average();
        Assert.Equal(expected, TaskLoss.Mean(logits, batch, 0.2).item<double>(), 1e-12);
    });

    [Fact]
    public void Regression_is_the_mean_squared_error() => fixture.Run(() =>
    {
        TextDataset data = new("numbers", [new("w1") { Score = 2.5 }, new("w2 w3") { Score = -1 }], []);
        using var batch = TinyBert.Batch(Encode(data, ModelTask.Regression));
        var logits = tensor(new double[,] { { 2 }, { 1 } });
        Assert.Equal(((0.5 * 0.5) + (2 * 2)) / 2, TaskLoss.Mean(logits, batch).item<double>(), 1e-12);
        Assert.Equal((1 + 9) / 2.0, DistillationLoss.Logit(logits, tensor(new double[,] { { 1 }, { -2 } }), batch, 2).item<double>(), 1e-12);
    });

    /// <summary>[CLS] question [SEP] context [SEP]: the answer's tokens are counted from there, and padding is no place.</summary>
    [Fact]
    public void Question_answering_is_the_mean_over_starts_and_ends_among_the_tokens_of_each_text() => fixture.Run(() =>
    {
        TextDataset data = new("questions",
        [
            new("w1 w2", "w3 w4 w5 w6") { Answers = [new("w4 w5", 3), new("w6", 9)] },
            new("w1", "w9") { Answers = [new("w9", 0)] },
        ], []);
        var encoded = Encode(data, ModelTask.QuestionAnswering);
        Assert.Equal([(5, 6), (3, 3)], encoded.Examples.Select(e => e.Span!.Value));
        using var batch = TinyBert.Batch(encoded);
        Assert.Equal(9, batch.InputIds.shape[1]);
        var (student, teacher) = (Random(2, 9, 2), Random(2, 9, 2, seed: 5));
        var expected = encoded.Examples.SelectMany((e, row) => new[] { 0, 1 }.Select(side =>
            -LogSoftmax(Places(student, row, side, e.Length))[side == 0 ? e.Span!.Value.Start : e.Span!.Value.End])).Average();
        Assert.Equal(expected, TaskLoss.Mean(student, batch).item<double>(), 1e-9);

        var divergence = encoded.Examples.SelectMany((e, row) => new[] { 0, 1 }.Select(side =>
            Divergence(Places(teacher, row, side, e.Length), Places(student, row, side, e.Length)))).Average();
        Assert.Equal(divergence, DistillationLoss.Logit(student, teacher, batch, 1).item<double>(), 1e-9);
    });

    [Fact]
    public void Causal_language_modeling_is_cross_entropy_of_each_next_token() => fixture.Run(() =>
    {
        TextDataset data = new("texts", [new("w0 w1 w0"), new("w1"), new("w1 w0 w1 w1")], []);
        var encoded = Encode(data, ModelTask.CausalLanguageModeling);
        using var batch = TinyBert.Batch(encoded);
        var (student, teacher) = (Random(3, 6, Words), Random(3, 6, Words, seed: 6));
        var terms = encoded.Examples.SelectMany((e, row) => Enumerable.Range(1, e.Length - 1).Select(t => -LogSoftmax(Token(student, row, t - 1))[e.Ids[t]])).ToList();
        var (sum, count) = TaskLoss.Sum(student, batch);
        Assert.Equal(terms.Count, count);
        Assert.Equal(terms.Sum(), sum.item<double>(), 1e-9);

        var divergence = encoded.Examples.SelectMany((e, row) => Enumerable.Range(0, e.Length).Select(t => Divergence(Token(teacher, row, t), Token(student, row, t)))).Average();
        Assert.Equal(divergence, DistillationLoss.Logit(student, teacher, batch, 1).item<double>(), 1e-9);
    });

    /// <summary>Windows that share tokens tell each token of a text once, the first excepted.</summary>
    [Theory]
    [InlineData(4, 0)]
    [InlineData(4, 2)]
    [InlineData(5, 4)]
    [InlineData(100, 50)]
    public void Each_token_of_a_long_text_is_told_once(int length, int stride)
    {
        TextDataset data = new("long", [new(string.Join(' ', Enumerable.Range(0, 9).Select(i => $"w{i}")))], []);
        var whole = TinyBert.Tokenizer.Encode(data.Examples[0].Text, null, 100).Ids;
        var windows = EncodedDataset.Encode(data, TinyBert.Tokenizer, length, CancellationToken.None, ModelTask.CausalLanguageModeling, stride).Examples;
        var told = windows.SelectMany(w => w.Ids.Skip(w.FirstScored)).ToList();
        // Without a shared token the first one of every window has nothing before it.
        Assert.Equal(stride > 0 ? whole.Skip(1) : whole.Where((_, i) => i % length != 0), told);
        Assert.All(windows, w => Assert.InRange(w.Length, 1, length));
    }

    [Fact]
    public void Masked_tokens_follow_BERTs_rule_and_the_seed()
    {
        var words = string.Join(' ', Enumerable.Range(0, 25).Select(i => $"w{i}"));
        TextDataset data = new("texts", [.. Enumerable.Repeat(new TextExample(words), 400)], []);
        var encoded = Encode(data, ModelTask.MaskedLanguageModeling, seed: 3);
        var all = Enumerable.Range(0, 400).ToArray();
        var rows = PaddedRows.From(encoded, all);
        var told = rows.Told.Index().Where(t => t.Item != TaskTargets.None).ToList();
        // 15 % of 25 is 3.75: four of each text, never a special token.
        Assert.Equal(1600, told.Count);
        Assert.All(told, t => Assert.Equal(t.Item, encoded.Examples[t.Index / rows.Length].Ids[t.Index % rows.Length]));
        Assert.All(told, t => Assert.InRange(t.Index % rows.Length, 1, 25));
        Assert.InRange(told.Count(t => rows.Ids[t.Index] == TinyBert.Tokenizer.MaskId) / 1600.0, 0.77, 0.83);
        // 10 % stay, and a word that is drawn is the same one once in forty.
        Assert.InRange(told.Count(t => rows.Ids[t.Index] == t.Item) / 1600.0, 0.08, 0.125);
        Assert.Equal(rows.Ids, PaddedRows.From(encoded, all).Ids);
        Assert.NotEqual(rows.Ids, PaddedRows.From(encoded, all, epoch: 1).Ids);
        Assert.NotEqual(rows.Ids, PaddedRows.From(Encode(data, ModelTask.MaskedLanguageModeling, seed: 4), all).Ids);
        // What is hidden in a row does not depend on its company.
        Assert.Equal(rows.Ids.Take(rows.Length), PaddedRows.From(encoded, [0]).Ids);
    }

    [Fact]
    public void Masked_language_modeling_is_cross_entropy_of_the_hidden_tokens() => fixture.Run(() =>
    {
        TextDataset data = new("texts", [new("w0 w1 w0 w1 w1 w0 w1"), new("w1 w0")], []);
        var encoded = Encode(data, ModelTask.MaskedLanguageModeling);
        using var batch = TinyBert.Batch(encoded);
        var logits = Random(2, 9, Words);
        var told = TinyBert.Values(batch.Targets!);
        var terms = told.Index().Where(t => t.Item >= 0).Select(t => -LogSoftmax(Token(logits, t.Index / 9, t.Index % 9))[(int)t.Item]).ToList();
        Assert.Equal(2, terms.Count);
        Assert.Equal(terms.Average(), TaskLoss.Mean(logits, batch).item<double>(), 1e-9);
    });

    [Fact]
    public void Data_that_does_not_say_what_is_right_is_refused() => fixture.Run(() =>
    {
        using var batch = TinyBert.Batch(TinyBert.Encode(new("texts", [new("w1")], [])));
        Assert.Equal("ZipLM.DatasetUnlabelled", Assert.Throws<ZipLMException>(() => TaskLoss.Mean(Random(1, 3), batch)).ErrorId);
    });

    private static EncodedDataset Encode(TextDataset data, ModelTask task, int seed = 0) =>
        EncodedDataset.Encode(data, TinyBert.Tokenizer, TinyBert.Positions, CancellationToken.None, task, seed: seed);

    private static Tensor Random(int rows, int columns, int depth = 1, int seed = 4)
    {
        var values = tensor(PlainMatrix.Random(rows * columns, depth, new Random(seed)));
        return depth == 1 ? values.view(rows, columns) : values.view(rows, columns, depth);
    }

    private static double[] Row(Tensor logits, int row) => TinyBert.Values(logits[row]);

    private static double[] Token(Tensor logits, int row, int token) => TinyBert.Values(logits[row, token]);

    private static double[] Places(Tensor logits, int row, int side, int length) => [.. Enumerable.Range(0, length).Select(t => logits[row, t, side].item<double>())];

    private static double Divergence(double[] p, double[] q) => LogSoftmax(p).Zip(LogSoftmax(q), (a, b) => Math.Exp(a) * (a - b)).Sum();

    private static double[] LogSoftmax(double[] scores)
    {
        var total = Math.Log(scores.Sum(Math.Exp));
        return [.. scores.Select(s => s - total)];
    }
}
