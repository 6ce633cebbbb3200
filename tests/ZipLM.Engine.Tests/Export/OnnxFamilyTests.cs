using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Export;

/// <summary>What must be true of every model family in ONNX Runtime.</summary>
public sealed class OnnxFamilyTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly string?[] Shapes = [null, "1/7 0/24", "2/0 1/5", "0/0 0/0"];

    public static TheoryData<string> Names => TinyFamilies.Names;

    public static TheoryData<string> Families => TinyFamilies.Families;

    /// <summary>One graph, batches of several sizes and lengths, with the head and without.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Answers_are_torchs_also_with_padding(string name) => fixture.Run(() =>
    {
        foreach (var shapes in Shapes)
        {
            using var model = TinyBert.Create(TinyFamilies.Describe(name, shapes), 70);
            foreach (var head in new[] { true, false })
            {
                using var program = new OnnxProgram(OnnxModel.Whole(model, Precision.Float32, head), SessionFixture.Threads);
                foreach (var rows in new[] { 1, 9 })
                {
                    using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(rows, rows)));
                    Assert.Equal(rows > 1, batch.IsPadded);
                    var output = model.Forward(batch, new() { Head = head });
                    var expected = output.Logits ?? output.LastHidden;
                    var actual = tensor(program.Run(batch), expected.shape);
                    TinyBert.AssertTensorsClose(Real(expected, batch), Real(actual, batch), 2e-5);
                }
            }
        }
    });

    [Theory]
    [MemberData(nameof(Families))]
    public void Unless_said_the_head_of_a_task_is_written(string name) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyFamilies.Describe(name), 71);
        Assert.Equal([model.Head!.IsTask ? "logits" : "last_hidden_state"], Answers(null));
        Assert.Equal(["logits"], Answers(true));

        IEnumerable<string> Answers(bool? head) => OnnxModel.Whole(model, Precision.Float32, head).ToModel().Graph.Output.Select(o => o.Name).Where(o => OnnxCache.PastOf(o) is null);
    });

    /// <summary>As text is generated: the mask alone tells positions and the last token.</summary>
    [Theory]
    [InlineData("roberta masked")]
    [InlineData("gpt2 causal")]
    [InlineData("gpt2 classification")]
    [InlineData("llama causal")]
    [InlineData("llama classification, own keys")]
    public void Padding_may_stand_on_the_left(string name) => fixture.Run(() =>
    {
        const int Longest = 9;
        using var model = TinyBert.Create(TinyFamilies.Describe(name), 72);
        using var program = new OnnxProgram(OnnxModel.Whole(model, Precision.Float32, head: true), SessionFixture.Threads);
        foreach (var length in new[] { 1, 4, Longest })
        {
            using var alone = Batch.Random(1, length, 40, length, CPU);
            var expected = model.Forward(alone, new() { Head = true }).Logits!;
            long[] ids = [.. Enumerable.Repeat(7L, Longest - length), .. alone.InputIds.data<long>()];
            long[] mask = [.. Enumerable.Range(0, Longest).Select(i => i < Longest - length ? 0L : 1L)];
            var inputs = new Dictionary<string, Microsoft.ML.OnnxRuntime.OrtValue>
            {
                [OnnxModel.InputIds] = OnnxSession.Value(ids, 1, Longest),
                [OnnxModel.AttentionMask] = OnnxSession.Value(mask, 1, Longest),
            };
            var actual = program.Values(inputs);
            OnnxProgram.Free(inputs);
            TinyBert.AssertClose(TinyBert.Values(expected), [.. actual.TakeLast((int)expected.numel()).Select(v => (double)v)], 2e-5);
        }
    });

    [Theory]
    [MemberData(nameof(Families))]
    public void Sublayers_are_those_of_the_model(string name) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyFamilies.Describe(name, "2/7 0/0"), 73);
        foreach (var block in model.Blocks)
        {
            foreach (var sublayer in Enum.GetValues<Sublayer>())
            {
                using var program = new OnnxProgram(OnnxModel.Sublayer(block, sublayer, Precision.Float32), SessionFixture.Threads);
                var inputs = OnnxProgram.Inputs(2, 5, 16, 3);
                var hidden = tensor(inputs[OnnxModel.Hidden].GetTensorDataAsSpan<float>().ToArray(), [2, 5, 16]);
                var expected = sublayer == Sublayer.Attention
                    ? block.AttentionSublayer(hidden, null, ForwardOptions.Inference)
                    : block.FeedForwardSublayer(hidden, ForwardOptions.Inference);
                TinyBert.AssertClose(TinyBert.Values(expected), [.. program.Values(inputs).Select(v => (double)v)], 1e-5);
                OnnxProgram.Free(inputs);
            }
        }
    });

    /// <summary>Weights at 63 steps a side and activations at 255 over the whole value: the answers move, but not far.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Int8_differs_as_much_as_rounding_explains(string name) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyFamilies.Describe(name, "2/17 1/24"), 74);
        var graph = OnnxModel.Whole(model, Precision.Int8, head: true);
        Assert.DoesNotContain(graph.ToModel().Graph.Node, n => n.OpType is "MatMul" or "FusedMatMul");
        using var program = new OnnxProgram(graph, SessionFixture.Threads);
        using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(20, 75)));
        var expected = Real(model.Forward(batch, new() { Head = true }).Logits!, batch);
        var actual = Real(tensor(program.Run(batch), model.Forward(batch, new() { Head = true }).Logits!.shape), batch);
        Assert.InRange(((actual - expected).norm() / expected.norm()).ToDouble(), 1e-4, 0.15);
    });

    /// <summary>The largest matrix of a language model stands in the file once.</summary>
    [Theory]
    [InlineData("gpt2 causal", 1)]
    [InlineData("gpt2 causal untied", 2)]
    [InlineData("bert masked", 1)]
    public void A_tied_matrix_is_written_once(string name, int times) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyFamilies.Describe(name), 76);
        var graph = OnnxModel.Whole(model, Precision.Float32, head: true).ToModel().Graph;
        Assert.Equal(times, graph.Initializer.Count(i => i.Dims.SequenceEqual([40L, 16L])));
    });

    private static Tensor Real(Tensor answer, Batch batch) => answer.dim() == 3 ? answer[batch.Mask] : answer;
}
