using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Export;

/// <summary>Texts that ONNX Runtime writes with keys and values kept, against what torch reads at once without them.</summary>
public sealed class OnnxGenerationTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private const int Prompt = 6;
    private const int Tokens = 5;

    public static TheoryData<string, string?> Cases { get; } = new()
    {
        { "gpt2 causal", null },
        { "gpt2 causal", "1/7 3/24" },
        { "gpt2 causal", "0/24 2/0" },
        { "gpt2 causal", "0/0 0/0" },
        { "llama causal", null },
        { "llama causal", "1/24 2/5" },
        { "llama causal", "0/9 1/0" },
        { "llama causal untied, biases, wide heads, stretched", "1/24 2/5" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_text_written_token_by_token_is_the_text_read_at_once(string name, string? shapes) => fixture.Run(() =>
    {
        using var gradients = no_grad();
        using var model = TinyBert.Create(TinyFamilies.Describe(name, shapes), 90);
        using var prompt = Batch.Random(2, Prompt, 40, 91, CPU);
        using var next = Batch.Random(2, 1, 40, 92, CPU);
        var expected = Whole(model, prompt, next).Logits!;
        using var program = new OnnxProgram(OnnxModel.Whole(model, Precision.Float32), SessionFixture.Threads);
        using var text = new OnnxText(prompt, next, Tokens);
        // Twice: nothing of a text is left for the next one.
        for (var run = 0; run < 2; run++)
        {
            var answers = 0;
            OnnxGeneration.Run(program, text, answer => TinyBert.AssertTensorsClose(expected.select(1, Prompt - 1 + answers++), Values(answer).select(1, -1), 2e-5));
            Assert.Equal(Tokens, answers);
        }
    });

    /// <summary>As text is generated for several prompts at once: the shorter one is padded on the left, and several tokens are read on top of what was read.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Padding_on_the_left_and_several_tokens_at_a_time_change_nothing(string name, string? shapes) => fixture.Run(() =>
    {
        const int Padding = 3;
        const int More = 4;
        using var gradients = no_grad();
        using var model = TinyBert.Create(TinyFamilies.Describe(name, shapes), 93);
        using var program = new OnnxProgram(OnnxModel.Whole(model, Precision.Float32), SessionFixture.Threads);
        using var whole = Batch.Random(1, Prompt + Padding + More, 40, 94, CPU);
        using var shorter = Batch.Random(1, Prompt + More, 40, 98, CPU);
        long[][] words = [[.. whole.InputIds.data<long>()], [.. Enumerable.Repeat(7L, Padding), .. shorter.InputIds.data<long>()]];
        var first = Inputs(0, Prompt + Padding);
        using var read = program.RunAll(first);
        var second = Inputs(Prompt + Padding, More);
        foreach (var (output, value) in program.Outputs.Zip(read).Where(o => OnnxCache.PastOf(o.First) is not null))
        {
            second.Add(OnnxCache.PastOf(output)!, value);
        }

        using var then = program.RunAll(second);
        var answers = cat([Values(read[0]), Values(then[0])], 1);
        TinyBert.AssertTensorsClose(model.Forward(whole).Logits![0], answers[0], 2e-5);
        TinyBert.AssertTensorsClose(model.Forward(shorter).Logits![0], answers[1].narrow(0, Padding, Prompt + More), 2e-5);
        OnnxProgram.Free(first);
        OnnxProgram.Free(second);

        // Tokens from one place on, with a mask from the first.
        Dictionary<string, OrtValue> Inputs(int from, int count) => new(StringComparer.Ordinal)
        {
            [OnnxModel.InputIds] = OnnxSession.Value<long>([.. words.SelectMany(row => row.Skip(from).Take(count))], 2, count),
            [OnnxModel.AttentionMask] = OnnxSession.Value<long>(
                [.. Enumerable.Repeat(1L, from + count), .. Enumerable.Range(0, from + count).Select(i => i < Padding ? 0L : 1L)], 2, from + count),
        };
    });

    /// <summary>8-bit weights, which move the answers a little, write the text that they read at once.</summary>
    [Fact]
    public void Int8_keeps_its_cache_too() => fixture.Run(() =>
    {
        using var gradients = no_grad();
        using var model = TinyBert.Create(TinyFamilies.Describe("llama causal", "1/24 2/5"), 99);
        using var prompt = Batch.Random(1, Prompt, 40, 91, CPU);
        using var next = Batch.Random(1, 1, 40, 92, CPU);
        var expected = Whole(model, prompt, next).Logits!;
        using var program = new OnnxProgram(OnnxModel.Whole(model, Precision.Int8), SessionFixture.Threads);
        using var text = new OnnxText(prompt, next, Tokens);
        var written = new List<Tensor>();
        OnnxGeneration.Run(program, text, answer => written.Add(Values(answer).select(1, -1)));
        var actual = stack([.. written], 1);
        var read = expected.narrow(1, Prompt - 1, Tokens);
        Assert.InRange(((actual - read).norm() / read.norm()).ToDouble(), 1e-4, 0.15);
    });

    /// <summary>Programs that load language models find what they look for by name and by shape.</summary>
    [Fact]
    public void The_cache_has_the_names_and_shapes_that_others_give_it() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyFamilies.Describe("llama causal", "1/24 2/5"), 95);
        var graph = OnnxModel.Whole(model, Precision.Float32).ToModel().Graph;
        Assert.Equal(
            [
                "input_ids [batch, sequence]", "attention_mask [batch, total_sequence]",
                "past_key_values.0.key [batch, 1, past_sequence, 4]", "past_key_values.0.value [batch, 1, past_sequence, 4]",
                "past_key_values.1.key [batch, 2, past_sequence, 4]", "past_key_values.1.value [batch, 2, past_sequence, 4]",
            ], graph.Input.Select(Shown));
        Assert.Equal(
            [
                "logits [batch, sequence, 40]",
                "present.0.key [batch, 1, total_sequence, 4]", "present.0.value [batch, 1, total_sequence, 4]",
                "present.1.key [batch, 2, total_sequence, 4]", "present.1.value [batch, 2, total_sequence, 4]",
            ], graph.Output.Select(Shown));
        // One after the other in the same order, so that what came out can be handed back as it is.
        Assert.Equal(graph.Input.Skip(2).Select(i => i.Name), graph.Output.Skip(1).Select(o => OnnxCache.PastOf(o.Name)));
    });

    /// <summary>What writes no texts keeps its inputs, and a sublayer that is gone has nothing to keep.</summary>
    [Theory]
    [InlineData("gpt2 classification", null)]
    [InlineData("gpt2 bare", null)]
    [InlineData("roberta masked", null)]
    [InlineData("gpt2 causal", "0/24 0/0")]
    public void Others_have_no_cache(string name, string? shapes) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyFamilies.Describe(name, shapes), 96);
        Assert.DoesNotContain(OnnxModel.Whole(model, Precision.Float32).Inputs, OnnxCache.IsPast);
    });

    private static ModelOutput Whole(Transformer model, Batch prompt, Batch next)
    {
        using var whole = Batch.Random((int)prompt.InputIds.shape[0], Generation.Positions(Prompt, Tokens), 40, 97, CPU);
        whole.InputIds.copy_(cat([prompt.InputIds, next.InputIds.expand(-1, Tokens - 1)], 1));
        return model.Forward(whole);
    }

    private static Tensor Values(OrtValue value) => tensor(value.GetTensorDataAsSpan<float>().ToArray(), value.GetTensorTypeAndShape().Shape);

    private static string Shown(ValueInfoProto value) =>
        $"{value.Name} [{string.Join(", ", value.Type.TensorType.Shape.Dim.Select(d => d.HasDimValue ? $"{d.DimValue}" : d.DimParam))}]";
}
