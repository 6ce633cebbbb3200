using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Evaluation;

/// <summary>The metrics of each task against plain loops over the answers to single texts, without padding.</summary>
public sealed class EvaluationSetTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    /// <summary>Perplexity of a long text: every token but the first is told once, with what its window holds before it.</summary>
    [Theory]
    [InlineData("gpt2 causal", 6, 3)]
    [InlineData("llama causal", 6, 5)]
    [InlineData("gpt2 causal", 32, 16)]
    public void Perplexity_tells_each_token_once(string name, int length, int stride) => fixture.Run(() =>
    {
        TextDataset data = new("texts", [new("w1 w2 w3 w4 w5 w6 w7 w8 w9 w10"), new("w3"), new("w5 w6 w5 w6")], []);
        using var model = TinyBert.Model(fixture.Session, 130, TinyFamilies.Describe(name));
        var quality = EvaluationSet.Create(model, data, length, stride, CancellationToken.None).Evaluate(model.Weights(null, default), CancellationToken.None);
        var losses = new List<double>();
        foreach (var text in data.Examples)
        {
            var ids = TinyBert.Tokenizer.Encode(text.Text, null, 100).Ids;
            for (var t = 1; t < ids.Length; t++)
            {
                // The first window that holds the token, which begins at a multiple of what a window has new.
                var start = 0;
                while (t >= start + length)
                {
                    start += length - stride;
                }

                var logits = Logits(model, ids[start..t]);
                losses.Add(-LogSoftmax(logits[^1])[ids[t]]);
            }
        }

        Assert.Equal(losses.Average(), quality.Loss, 1e-5);
        Assert.Equal(("perplexity", false, 3), (quality.Metric, quality.HigherIsBetter, quality.Samples));
        Assert.Equal(Math.Exp(losses.Average()), quality.Value, 1e-3);
    });

    /// <summary>A device that has room for ten rows at a time.</summary>
    [Fact]
    public void Where_memory_runs_out_fewer_rows_are_answered_at_a_time() => fixture.Run(() =>
    {
        using var model = TinyBert.Model(fixture.Session, 133);
        var weights = model.Weights(null, default);
        var set = EvaluationSet.Create(model, TinyBert.Data(70, seed: 4), null, null, CancellationToken.None);
        var sizes = new List<int>();
        Tensor Answer(Batch batch)
        {
            sizes.Add(batch.Rows.Count);
            return batch.Rows.Count > 10 ? throw new OutOfMemoryException() : weights.Forward(batch).Logits!;
        }

        var expected = set.Evaluate(weights, CancellationToken.None);
        Assert.Equal(expected.Loss, set.Evaluate(weights, Answer, CancellationToken.None).Loss, 1e-5);
        Assert.Equal([64, 32, 16, 8], sizes.Take(4));
        // It is not tried again, and one row alone is no cause to go on.
        sizes.Clear();
        Assert.Equal(expected.Value, set.Evaluate(weights, Answer, CancellationToken.None).Value);
        Assert.All(sizes, size => Assert.InRange(size, 1, 8));
        Assert.Throws<OutOfMemoryException>(() => set.Evaluate(weights, _ => throw new OutOfMemoryException(), CancellationToken.None));
    });

    [Fact]
    public void A_stride_as_long_as_the_window_is_refused() => fixture.Run(() =>
    {
        using var model = TinyBert.Model(fixture.Session, 131, TinyFamilies.Describe("gpt2 causal"));
        Assert.Equal("ZipLM.StrideInvalid", Assert.Throws<ZipLMException>(() => EvaluationSet.Create(model, new("t", [new("w1")], []), 8, 8, CancellationToken.None)).ErrorId);
    });

    [Fact]
    public void A_regression_is_judged_by_its_correlations() => fixture.Run(() =>
    {
        using var model = TinyBert.Model(fixture.Session, 132, TinyFamilies.Describe("bert regression"));
        var random = new Random(5);
        TextDataset data = new("numbers", [.. TinyBert.Data(20, seed: 3).Examples.Select(e => e with { Label = null, Score = random.NextDouble() * 5 })], []);
        var quality = EvaluationSet.Create(model, data, null, null, CancellationToken.None).Evaluate(model.Weights(null, default), CancellationToken.None);
        var answers = TinyBert.Rows(TinyBert.Encode(data)).Select(row => model.Weights(null, default).Forward(row).Logits!.item<float>()).Select(v => (double)v).ToList();
        var scores = data.Examples.Select(e => e.Score!.Value).ToList();
        Assert.Equal("pearson", quality.Metric);
        Assert.Equal(Correlation.Pearson(answers, scores), quality.Metrics["pearson"], 1e-5);
        Assert.Equal(Correlation.Spearman(answers, scores), quality.Metrics["spearman"], 1e-12);
        Assert.Equal(answers.Zip(scores, (a, s) => (a - s) * (a - s)).Average(), quality.Loss, 1e-4);
    });

    /// <summary>The best span over all windows of a context, found by trying every one, and cut from the original text.</summary>
    [Fact]
    public void Questions_are_answered_by_the_best_span_of_all_windows() => fixture.Run(() =>
    {
        using var model = TinyBert.Model(fixture.Session, 133, TinyFamilies.Describe("bert spans"));
        var context = string.Join("  ", Enumerable.Range(0, 33).Select(i => $"W{i}"));
        TextDataset data = new("questions", [.. Enumerable.Range(0, 8).Select(i => new TextExample($"w{i} w{i + 3}", context) { Answers = [new($"W{i}", context.IndexOf($"W{i}", StringComparison.Ordinal))] })], []);
        var set = EvaluationSet.Create(model, data, 16, 5, CancellationToken.None);
        Assert.True(set.Encoded.Examples.Count > 24);
        var quality = set.Evaluate(model.Weights(null, default), CancellationToken.None);

        var best = new (double Score, string Answer)[data.Count];
        Array.Fill(best, (double.NegativeInfinity, ""));
        for (var w = 0; w < set.Encoded.Examples.Count; w++)
        {
            var window = set.Encoded.Examples[w];
            using var row = new Batch(PaddedRows.From(set.Encoded, [w]), CPU);
            var logits = TinyBert.Values(model.Weights(null, default).Forward(row).Logits!);
            for (var start = 0; start < window.Length; start++)
            {
                for (var end = start; end < window.Length; end++)
                {
                    var score = logits[2 * start] + logits[(2 * end) + 1];
                    if (window.Texts[start] == 1 && window.Texts[end] == 1 && score > best[window.Row].Score)
                    {
                        best[window.Row] = (score, context[window.Offsets[start].Start..window.Offsets[end].End]);
                    }
                }
            }
        }

        Assert.All(best, b => Assert.Contains(b.Answer, context, StringComparison.Ordinal));
        Assert.Equal(best.Zip(data.Examples, (b, e) => SquadScore.F1(b.Answer, [e.Answers![0].Text])).Average(), quality.Value, 1e-12);
        Assert.Equal(("f1", 8), (quality.Metric, quality.Samples));
        Assert.Contains("exact_match", quality.Metrics.Keys);
    });

    /// <summary>Every token of the context belongs to a window, and the answer is marked where a window holds all of it.</summary>
    [Fact]
    public void Windows_mark_the_answer_where_they_hold_all_of_it()
    {
        var context = string.Join(' ', Enumerable.Range(0, 30).Select(i => $"w{i}"));
        TextDataset data = new("q", [new("w0 w1", context) { Answers = [new("w10 w11 w12", context.IndexOf("w10", StringComparison.Ordinal))] }], []);
        var windows = EncodedDataset.Encode(data, TinyBert.Tokenizer, 14, CancellationToken.None, ModelTask.QuestionAnswering, 4).Examples;
        Assert.Equal(Enumerable.Range(0, 30).Select(i => TinyBert.Tokenizer.Encode($"w{i}", null, 9).Ids[1]), windows.SelectMany(w => w.Ids.Where((_, t) => w.Texts[t] == 1)).Distinct());
        foreach (var window in windows)
        {
            var held = string.Join(' ', window.Offsets.Where((_, t) => window.Texts[t] == 1).Select(o => context[o.Start..o.End]));
            var (start, end) = window.Span!.Value;
            Assert.Equal(held.Contains("w10 w11 w12", StringComparison.Ordinal) ? "w10 w11 w12" : "", start == 0 ? "" : context[window.Offsets[start].Start..window.Offsets[end].End]);
        }

        Assert.Contains(windows, w => w.Span != (0, 0));
        Assert.Contains(windows, w => w.Span == (0, 0));
    }

    [Fact]
    public void Plain_text_serves_to_calibrate_a_model_for_questions_but_not_to_measure_it()
    {
        TextDataset text = new("text", [new("w1", "w2"), new("w3 w4")], []);
        var encoded = EncodedDataset.Encode(text, TinyBert.Tokenizer, 14, CancellationToken.None, ModelTask.QuestionAnswering);
        Assert.Equal([5, 4], encoded.Lengths);
        Assert.False(encoded.HasTargets);
        using var model = TinyBert.Model(fixture.Session, 135, TinyFamilies.Describe("bert spans"));
        Assert.Equal("ZipLM.DatasetUnlabelled", Assert.Throws<ZipLMException>(() => EvaluationSet.Create(model, text, null, null, CancellationToken.None)).ErrorId);
    }

    [Fact]
    public void Masked_language_models_are_judged_by_the_hidden_tokens() => fixture.Run(() =>
    {
        using var model = TinyBert.Model(fixture.Session, 134, TinyFamilies.Describe("bert masked"));
        var set = EvaluationSet.Create(model, new("texts", [.. TinyBert.Data(20, seed: 3).Examples.Select(e => new TextExample(e.Text))], []), null, null, CancellationToken.None);
        var quality = set.Evaluate(model.Weights(null, default), CancellationToken.None);
        var right = new List<bool>();
        foreach (var row in TinyBert.Rows(set.Encoded))
        {
            using (row)
            {
                var guesses = model.Weights(null, default).Forward(row, new() { Head = true }).Logits!.argmax(2)[0].data<long>().ToArray();
                var told = row.Targets!.data<long>().ToArray();
                right.AddRange(Enumerable.Range(0, told.Length).Where(t => told[t] != TaskTargets.None).Select(t => guesses[t] == told[t]));
            }
        }

        Assert.Equal(("masked_accuracy", true), (quality.Metric, quality.HigherIsBetter));
        Assert.Equal(right.Average(r => r ? 1.0 : 0), quality.Value, 1e-12);
        Assert.Equal(Math.Exp(quality.Loss), quality.Metrics["masked_perplexity"], 1e-9);
    });

    [Fact]
    public void The_metrics_of_a_GLUE_task_come_first()
    {
        ClassScorer f1 = new(GlueTask.Find("mrpc").Metrics, 2), matthews = new(GlueTask.Find("cola").Metrics, 2), three = new([], 3);
        fixture.Run(() =>
        {
            using var batch = TinyBert.Batch(TinyBert.Encode(new("t", [new("w1", null, 0), new("w2", null, 1)], ["a", "b"])));
            foreach (var scorer in new[] { f1, matthews, three })
            {
                scorer.Add(tensor(new float[,] { { 0, 1 }, { 0, 1 } }), batch);
            }
        });
        Assert.Equal(["f1", "accuracy", "matthews"], f1.Metrics(0).Select(m => m.Name));
        Assert.Equal(2 / 3.0, f1.Metrics(0)[0].Value, 1e-12);
        Assert.Equal("matthews", matthews.Metrics(0)[0].Name);
        Assert.Equal(["accuracy", "matthews"], three.Metrics(0).Select(m => m.Name));
    }

    private static double[][] Logits(TransformerModel model, int[] ids)
    {
        using var batch = new Batch(PaddedRows.From(EncodedDataset.Encode(
            new("one", [new(string.Join(' ', ids.Select(_ => "w0")))], []), TinyBert.Tokenizer, 100, CancellationToken.None, ModelTask.CausalLanguageModeling), [0]), CPU);
        // The tokens themselves, without those that a tokenizer adds.
        using var own = batch.InputIds.narrow(1, 0, ids.Length);
        own.copy_(tensor(ids.Select(id => (long)id).ToArray()).unsqueeze(0));
        var all = model.Weights(null, default).Forward(batch).Logits![0];
        return [.. Enumerable.Range(0, ids.Length).Select(t => TinyBert.Values(all[t]))];
    }

    private static double[] LogSoftmax(double[] scores)
    {
        var total = Math.Log(scores.Sum(Math.Exp));
        return [.. scores.Select(s => s - total)];
    }
}
