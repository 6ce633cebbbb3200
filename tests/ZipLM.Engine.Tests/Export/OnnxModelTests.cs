using System.Text.Json.Nodes;
using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Export;

/// <summary>What ONNX Runtime computes from the written graph against what torch computes from the same weights.</summary>
public sealed class OnnxModelTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    public static TheoryData<string, string> Cases { get; } = new()
    {
        { "4/24 4/24", "gelu" },
        { "4/24 4/24", "gelu_new" },
        { "4/24 4/24", "relu" },
        { "4/24 4/24", "silu" },
        { "3/17 1/24", "gelu" },
        { "0/24 4/0 2/5", "gelu" },
        { "0/0 0/0", "gelu" },
        { "1/1 0/3", "relu" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_are_torchs_also_with_padding(string shapes, string activation) => fixture.Run(() =>
    {
        using var model = Create(shapes, activation);
        using var program = new OnnxProgram(OnnxModel.Whole(model, Precision.Float32), SessionFixture.Threads);
        // One graph, batches of several sizes and lengths.
        foreach (var rows in new[] { 1, 2, 9 })
        {
            using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(rows, rows)));
            Assert.Equal(rows > 1, batch.IsPadded);
            TinyBert.AssertClose(TinyBert.Values(model.Forward(batch).Logits!), Doubles(program.Run(batch)), 1e-5);
        }
    });

    [Fact]
    public void Without_a_head_the_hidden_states_of_tokens_are_torchs() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe([(2, 24), (4, 7)], c => { c["architectures"] = new JsonArray("BertModel"); }), 5);
        using var program = new OnnxProgram(OnnxModel.Whole(model, Precision.Float32), SessionFixture.Threads);
        using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(4, 4)));
        var expected = model.Forward(batch).LastHidden;
        var actual = tensor(program.Run(batch), expected.shape);
        TinyBert.AssertTensorsClose(expected[batch.Mask], actual[batch.Mask], 1e-5);
    });

    [Fact]
    public void Sublayers_are_those_of_the_model() => fixture.Run(() =>
    {
        using var model = Create("3/17 0/0", "gelu");
        foreach (var block in model.Blocks)
        {
            foreach (var sublayer in Enum.GetValues<Sublayer>())
            {
                using var program = new OnnxProgram(OnnxModel.Sublayer(block, sublayer, Precision.Float32), SessionFixture.Threads);
                var inputs = OnnxProgram.Inputs(2, 5, TinyBert.Hidden, 3);
                var hidden = tensor(inputs[OnnxModel.Hidden].GetTensorDataAsSpan<float>().ToArray(), [2, 5, TinyBert.Hidden]);
                var expected = sublayer == Sublayer.Attention
                    ? block.AttentionSublayer(hidden, null, ForwardOptions.Inference)
                    : block.FeedForwardSublayer(hidden, ForwardOptions.Inference);
                TinyBert.AssertClose(TinyBert.Values(expected), Doubles(program.Values(inputs)), 1e-5);
                OnnxProgram.Free(inputs);
            }
        }
    });

    [Fact]
    public void Bfloat16_weights_are_written_in_single_precision() => fixture.Run(() =>
    {
        using var half = TinyBert.Create(3, ScalarType.BFloat16);
        using var full = TinyBert.Create(TinyBert.Describe(), 3);
        foreach (var (from, to) in half.Parameters.Zip(full.Parameters))
        {
            to.Parameter.copy_(from.Parameter);
        }

        using var program = new OnnxProgram(OnnxModel.Whole(half, Precision.Float32), SessionFixture.Threads);
        using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(4, 4)));
        TinyBert.AssertClose(TinyBert.Values(full.Forward(batch).Logits!), Doubles(program.Run(batch)), 1e-5);
    });

    /// <summary>A plain quantiser beside it: the weights at 63 steps a side, x at 255 steps over the whole value, both undone at once.</summary>
    [Theory]
    [InlineData("4/24 4/24", "gelu")]
    [InlineData("3/17 0/24 2/0", "relu")]
    public void Int8_differs_from_torch_as_much_as_rounding_explains(string shapes, string activation) => fixture.Run(() =>
    {
        using var model = Create(shapes, activation);
        using var program = new OnnxProgram(OnnxModel.Whole(model, Precision.Int8), SessionFixture.Threads);
        using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(30, 8)));
        var expected = model.Forward(batch).Logits!;
        var actual = tensor(program.Run(batch), expected.shape);
        var error = ((actual - expected).norm() / expected.norm()).ToDouble();
        Assert.InRange(error, 1e-4, 0.1);
        var same = actual.argmax(1).eq(expected.argmax(1)).to(float64).mean().ToDouble();
        Assert.True(same >= 0.9, $"{same:P0} of the answers are the same, the logits differ by {error:P1}.");
    });

    [Fact]
    public void Int8_weights_keep_to_seven_bits_with_a_scale_for_each_column() => fixture.Run(() =>
    {
        using var model = Create("3/17", "gelu");
        var graph = OnnxModel.Whole(model, Precision.Int8).ToModel().Graph;
        var feedForward = model.Blocks[0].FeedForward!;
        var weights = graph.Initializer.Single(i => i.Name == "layer.0.feed_forward.up.weight");
        var scales = graph.Initializer.Single(i => i.Name == "layer.0.feed_forward.up.weight.scale");
        Assert.Equal([TinyBert.Hidden, 17L], weights.Dims);
        var steps = tensor(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, sbyte>(weights.RawData.Span).ToArray(), [.. weights.Dims]);
        Assert.All(TinyBert.Values(steps.abs().amax(0)), largest => Assert.Equal(63, largest));
        var scale = tensor(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(scales.RawData.Span).ToArray());
        var difference = ((steps.to(float32) * scale).t() - feedForward.Up.Weight).abs() / scale.unsqueeze(1);
        Assert.InRange(difference.max().ToDouble(), 0, 0.5001);
    });

    private static Transformer Create(string shapes, string activation) => TinyBert.Create(
        TinyBert.Describe([.. shapes.Split(' ').Select(s => s.Split('/')).Select(p => (int.Parse(p[0], null), int.Parse(p[1], null)))], c => c["hidden_act"] = activation), 11);

    private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
}
