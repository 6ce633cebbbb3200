using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Models;

/// <summary>BERT's forward pass against a plain computation of the paper's formulas.</summary>
public sealed class BertTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(7, seed: 3));

    /// <summary>Heads and width of each block.</summary>
    public static TheoryData<string> Shapes { get; } = ["4/24 4/24", "3/24 1/7", "4/1 0/24 2/0", "0/0", "0/0 4/24", "1/5 0/0 2/11 3/0"];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_equals_the_plain_computation(string shapes) => fixture.Run(() =>
    {
        foreach (var (type, tolerance) in new[] { (ScalarType.Float32, 1e-5), (ScalarType.Float64, 1e-11) })
        {
            var description = TinyBert.Describe(Parse(shapes));
            using var model = TinyBert.Create(description, 5, type);
            Assert.Equal(description.Layers, model.Shapes);
            using var batch = TinyBert.Batch(Data);
            Assert.True(batch.IsPadded);
            var output = model.Forward(batch, new() { KeepHidden = true });
            Assert.Equal(model.Blocks.Count, output.Hidden.Count);

            var plain = new PlainBert(model, description.HeadSize, 1e-12);
            for (var row = 0; row < Data.Examples.Count; row++)
            {
                var example = Data.Examples[row];
                var expected = plain.Forward(example.Ids, example.TypeIds);
                TinyBert.AssertClose(expected.Logits, TinyBert.Values(output.Logits![row]), tolerance);
                for (var block = 0; block < output.Hidden.Count; block++)
                {
                    var real = output.Hidden[block][row].narrow(0, 0, example.Length);
                    TinyBert.AssertClose([.. expected.Hidden[block].SelectMany(v => v)], TinyBert.Values(real), tolerance);
                }
            }

            TinyBert.AssertTensorsClose(output.Hidden[^1], output.LastHidden, 0);
        }
    });

    [Fact]
    public void The_toy_data_has_pairs_so_that_segments_are_tested() => Assert.Contains(Data.Examples, e => e.TypeIds.Contains(1));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void What_stands_at_padded_positions_changes_nothing(string shapes) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe(Parse(shapes)), 6);
        using var batch = TinyBert.Batch(Data);
        var before = model.Forward(batch);
        var realBefore = before.LastHidden[batch.Mask];
        batch.InputIds.masked_fill_(batch.Mask.logical_not(), 9);
        batch.TypeIds.masked_fill_(batch.Mask.logical_not(), 1);
        var after = model.Forward(batch);
        Assert.Equal(TinyBert.Values(before.Logits!), TinyBert.Values(after.Logits!));
        Assert.Equal(TinyBert.Values(realBefore), TinyBert.Values(after.LastHidden[batch.Mask]));
    });

    [Fact]
    public void The_observer_sees_the_input_of_every_output_matrix_that_is_left() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe([(3, 24), (0, 7), (2, 0)]), 7, ScalarType.Float64);
        using var batch = TinyBert.Batch(Data);
        var seen = new Dictionary<(int, Sublayer), Tensor>();
        model.Forward(batch, new() { Observe = (layer, sublayer, input) => seen.Add((layer, sublayer), input.clone().DetachFromDisposeScope()) });
        Assert.Equal([(0, Sublayer.Attention), (0, Sublayer.FeedForward), (1, Sublayer.FeedForward), (2, Sublayer.Attention)], seen.Keys);
        Assert.Equal([12L, 24, 7, 8], seen.Values.Select(t => t.shape[2]));

        // The output matrix applied to what was seen, plus the residual, normalised, is the sublayer's output.
        var x = model.Forward(batch, new() { KeepHidden = true }).Hidden[1];
        var attention = model.Blocks[2].Attention!;
        var expected = nn.functional.layer_norm(
            x + attention.Output.Apply(seen[(2, Sublayer.Attention)]), [TinyBert.Hidden],
            Parameter(model, "bert.encoder.layer.2.attention.output.LayerNorm.weight"), Parameter(model, "bert.encoder.layer.2.attention.output.LayerNorm.bias"), 1e-12);
        var actual = model.Blocks[2].AttentionSublayer(x, batch.Mask.unsqueeze(1).unsqueeze(1), ForwardOptions.Inference);
        TinyBert.AssertTensorsClose(expected, actual, 1e-12);
        foreach (var input in seen.Values)
        {
            input.Dispose();
        }
    });

    [Fact]
    public void Only_training_drops_anything() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(8);
        using var batch = TinyBert.Batch(Data);
        Assert.Equal(TinyBert.Values(model.Forward(batch).Logits!), TinyBert.Values(model.Forward(batch).Logits!));
        Assert.NotEqual(TinyBert.Values(model.Forward(batch).Logits!), TinyBert.Values(model.Forward(batch, new() { Training = true }).Logits!));
    });

    [Fact]
    public void A_model_without_a_head_answers_with_its_hidden_states() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe(change: c => c["architectures"]![0] = "BertForPreTraining"), 9);
        using var batch = TinyBert.Batch(Data);
        var output = model.Forward(batch);
        Assert.Null(output.Logits);
        Assert.Equal([Data.Examples.Count, Data.Lengths.Max(), TinyBert.Hidden], output.LastHidden.shape);
    });

    [Fact]
    public void A_new_model_has_the_weights_its_seed_says_and_counts_them()
    {
        using var one = (TransformerModel)Create();
        using var two = (TransformerModel)Create();
        fixture.Run(() =>
        {
            var (a, b) = (one.Weights(null, CancellationToken.None), two.Weights(null, CancellationToken.None));
            Assert.Equal(a.Parameters.SelectMany(p => TinyBert.Values(p.Parameter)), b.Parameters.SelectMany(p => TinyBert.Values(p.Parameter)));
            Assert.Equal(TinyBert.ParameterCount(a), one.Parameters);

            // 16 hidden, 2 layers, 4 heads, width 24: counted by hand.
            const long Vocabulary = 40, H = 16, W = 24;
            const long Block = (4 * ((H * H) + H)) + (H * W) + W + (W * H) + H + (4 * H);
            Assert.Equal(((Vocabulary + TinyBert.Positions + 2) * H) + (2 * H) + (2 * Block) + (H * H) + H + (3 * H) + 3, one.Parameters);
        });
        Assert.Equal(ModelState.NotSaved, one.State);
        Assert.True(one.IsResident);

        Model Create() => ModelCatalog.Create(
            fixture.Session, "new", new(2, TinyBert.Hidden, TinyBert.Heads, TinyBert.Width, TinyBert.Positions), TinyBert.Tokenizer, ModelTask.SequenceClassification, TinyBert.Labels, CancellationToken.None);
    }

    private static Tensor Parameter(Transformer model, string name) => model.Parameters.Single(p => p.Name == name).Parameter;

    internal static List<(int, int)> Parse(string shapes) =>
        [.. shapes.Split(' ').Select(s => s.Split('/')).Select(s => (int.Parse(s[0], null), int.Parse(s[1], null)))];
}
