using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Pruning;

/// <summary>
/// Gradients of masks against finite differences: the model's own output matrix with a structure's columns made a little
/// larger and a little smaller, text by text.
/// </summary>
public sealed class FisherInformationTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private const double Step = 1e-4;
    private static readonly TextDataset Text = TinyBert.Data(12, seed: 7);

    [Fact]
    public void It_is_the_mean_squared_gradient_of_each_texts_loss() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(50, ScalarType.Float64);
        var data = TinyBert.Encode(Text);
        // In one batch with padding, and text by text: the same.
        var batched = FisherInformation.Collect(model, [TinyBert.Batch(data)], 1, CancellationToken.None);
        var alone = FisherInformation.Collect(model, TinyBert.Rows(data), 2, CancellationToken.None);
        foreach (var (layer, sublayer) in new[] { (0, Sublayer.Attention), (0, Sublayer.FeedForward), (1, Sublayer.Attention), (1, Sublayer.FeedForward) })
        {
            var expected = Differences(model, layer, sublayer, m => TinyBert.Rows(data).Select(batch =>
            {
                using (batch)
                {
                    return -LogProbabilities(TinyBert.Values(m.Forward(batch).Logits!))[batch.Targets!.item<long>()];
                }
            })).Select(gradients => gradients.Average(g => g * g)).ToArray();
            AssertRelative(expected, batched[(layer, sublayer)], 1e-4);
            AssertRelative(expected, alone[(layer, sublayer)], 1e-4);
        }

        // Nothing stays behind on the model.
        Assert.All(model.Parameters, p => Assert.False(p.Parameter.requires_grad));
    });

    /// <summary>Many copies of one unlabelled text: the mean over labels that are drawn nears Σ p(label)·(∂ log p(label))².</summary>
    [Fact]
    public void Without_labels_they_are_drawn_from_the_models_own_answer() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(51, ScalarType.Float64);
        var text = Text.Examples[0] with { Label = null };
        var one = TinyBert.Encode(new("one", [text], []));
        var many = TinyBert.Encode(new("many", [.. Enumerable.Repeat(text, 4000)], []));
        var drawn = FisherInformation.Collect(model, [TinyBert.Batch(many)], 3, CancellationToken.None)[(1, Sublayer.FeedForward)];
        var again = FisherInformation.Collect(model, [TinyBert.Batch(many)], 3, CancellationToken.None)[(1, Sublayer.FeedForward)];
        var other = FisherInformation.Collect(model, [TinyBert.Batch(many)], 4, CancellationToken.None)[(1, Sublayer.FeedForward)];
        Assert.Equal(drawn, again);
        Assert.NotEqual(drawn, other);

        using var batch = TinyBert.Batch(one);
        var p = LogProbabilities(TinyBert.Values(model.Forward(batch).Logits!)).Select(Math.Exp).ToArray();
        var expected = Differences(model, 1, Sublayer.FeedForward, m => LogProbabilities(TinyBert.Values(m.Forward(batch).Logits!)))
            .Select(gradients => gradients.Zip(p, (g, share) => share * g * g).Sum()).ToArray();
        AssertRelative(expected, drawn, 0.15);
    });

    /// <summary>Of a normal distribution of unit variance around h the information is ‖∂h‖², over the real tokens.</summary>
    [Fact]
    public void Without_a_head_the_last_hidden_state_is_the_answer() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe(change: c => c["architectures"]![0] = "BertModel"), 52, ScalarType.Float64);
        Assert.Null(model.Head);
        var (shorter, longer) = (Text.Examples.MinBy(e => e.Text.Length)!, Text.Examples.MaxBy(e => e.Text.Length)!);
        var one = TinyBert.Encode(new("one", [shorter], TinyBert.Labels));
        // The longer text pads the others.
        var many = TinyBert.Encode(new("many", [.. Enumerable.Repeat(shorter, 1500), longer], TinyBert.Labels));
        using var batch = TinyBert.Batch(one);
        foreach (var sublayer in Enum.GetValues<Sublayer>())
        {
            var found = FisherInformation.Collect(model, [TinyBert.Batch(many)], 5, CancellationToken.None)[(0, sublayer)];
            var expected = Differences(model, 0, sublayer, m => TinyBert.Values(m.Forward(batch).LastHidden)).Select(gradients => gradients.Sum(g => g * g)).ToArray();
            AssertRelative(expected, found, 0.25);
        }
    });

    [Fact]
    public void Of_a_regression_it_is_that_of_the_squared_error() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(Models.TinyFamilies.Describe("bert regression"), 54, ScalarType.Float64);
        var scored = new TextDataset("numbers", [.. Text.Examples.Select((e, i) => new TextExample(e.Text) { Score = i })], []);
        var data = EncodedDataset.Encode(scored, TinyBert.Tokenizer, TinyBert.Positions, CancellationToken.None, ModelTask.Regression);
        var found = FisherInformation.Collect(model, [TinyBert.Batch(data)], 1, CancellationToken.None);
        var expected = Differences(model, 0, Sublayer.FeedForward, m => TinyBert.Rows(data).Select((batch, i) =>
        {
            using (batch)
            {
                return Math.Pow(m.Forward(batch).Logits!.item<double>() - i, 2);
            }
        })).Select(gradients => gradients.Average(g => g * g)).ToArray();
        AssertRelative(expected, found[(0, Sublayer.FeedForward)], 1e-3);

        // Without numbers the information of a normal distribution of unit variance around the answer.
        var one = new TextDataset("one", [.. Enumerable.Repeat(new TextExample(Text.Examples[0].Text), 3000)], []);
        var many = EncodedDataset.Encode(one, TinyBert.Tokenizer, TinyBert.Positions, CancellationToken.None, ModelTask.Regression);
        using var single = TinyBert.Rows(many).First();
        var drawn = FisherInformation.Collect(model, [TinyBert.Batch(many)], 2, CancellationToken.None)[(0, Sublayer.FeedForward)];
        AssertRelative([.. Differences(model, 0, Sublayer.FeedForward, m => [m.Forward(single).Logits!.item<double>()]).Select(g => g[0] * g[0])], drawn, 0.15);
    });

    [Fact]
    public void Gradients_that_are_not_finite_are_an_error_that_names_the_layer() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(53);
        using (no_grad())
        {
            model.Blocks[1].FeedForward!.Output.Weight[0, 0] = float.NaN;
        }

        var error = Assert.Throws<ZipLMException>(() => FisherInformation.Collect(model, TinyBert.Rows(TinyBert.Encode(Text)), 1, CancellationToken.None));
        Assert.Equal("ZipLM.FisherNotFinite", error.ErrorId);
        Assert.Contains("layer", error.Message, StringComparison.Ordinal);
    });

    /// <summary>Central differences of values with respect to each structure's mask; [structure][value].</summary>
    private static double[][] Differences(Transformer model, int layer, Sublayer sublayer, Func<Transformer, IEnumerable<double>> values)
    {
        var size = sublayer == Sublayer.Attention ? model.Blocks[layer].Attention!.HeadSize : 1;
        var weight = (sublayer == Sublayer.Attention ? model.Blocks[layer].Attention!.Output : model.Blocks[layer].FeedForward!.Output).Weight;
        return [.. Enumerable.Range(0, (int)weight.shape[1] / size).Select(s =>
        {
            var (up, down) = (With(1 + Step), With(1 - Step));
            return up.Zip(down, (a, b) => (a - b) / (2 * Step)).ToArray();

            double[] With(double mask)
            {
                using var gradients = no_grad();
                using var columns = weight.narrow(1, (long)s * size, size);
                using var before = columns.clone();
                columns.mul_(mask);
                var result = values(model).ToArray();
                columns.copy_(before);
                return result;
            }
        })];
    }

    private static double[] LogProbabilities(double[] logits)
    {
        var total = Math.Log(logits.Sum(v => Math.Exp(v - logits.Max()))) + logits.Max();
        return [.. logits.Select(v => v - total)];
    }

    private static void AssertRelative(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, (tolerance * pair.First) + (1e-3 * tolerance * expected.Max())));
    }
}
