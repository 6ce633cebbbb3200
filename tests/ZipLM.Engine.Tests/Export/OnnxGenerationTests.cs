using Microsoft.ML.OnnxRuntime;
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
        using var ids = OnnxProgram.Int64(prompt.InputIds);
        using var id = OnnxProgram.Int64(next.InputIds);
        using var generation = new OnnxGeneration(program, ids, id, Tokens);
        // Twice: nothing of a text is left for the next one.
        for (var run = 0; run < 2; run++)
        {
            var answers = 0;
            generation.Run(answer => TinyBert.AssertTensorsClose(expected.select(1, Prompt - 1 + answers++), Values(answer).select(1, -1), 2e-5));
            Assert.Equal(Tokens, answers);
        }
    });

    /// <summary>As text is generated for several prompts at once: the shorter ones are padded on the left, and several tokens are read on top of what was read.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Padding_on_the_left_and_several_tokens_at_a_time_change_nothing(string name, string? shapes) => fixture.Run(() =>
    {
        const int Padding = 3;
        using var gradients = no_grad();
        using var model = TinyBert.Create(TinyFamilies.Describe(name, shapes), 93);
        using var program = new OnnxProgram(OnnxModel.Whole(model, Precision.Float32), SessionFixture.Threads);
        using var text = Batch.Random(1, Prompt + 4, 40, 94, CPU);
        var expected = model.Forward(text).Logits!;
        long[] words = [.. text.InputIds.data<long>()];
        using var first = program.Give(Inputs([.. Enumerable.Repeat(7L, Padding), .. words[..Prompt]], Prompt + Padding, null));
        using var second = program.Give(Inputs(words[Prompt..], Prompt + Padding + 4, first));
        TinyBert.AssertTensorsClose(expected.narrow(1, 0, Prompt), Values(first[0]).narrow(1, Padding, Prompt), 2e-5);
        TinyBert.AssertTensorsClose(expected.narrow(1, Prompt, 4), Values(second[0]), 2e-5);

        Dictionary<string, OrtValue> Inputs(long[] ids, int read, IReadOnlyList<OrtValue>? past)
        {
            var inputs = new Dictionary<string, OrtValue>
            {
                [OnnxModel.InputIds] = OnnxSession.Value(ids, 1, ids.Length),
                [OnnxModel.AttentionMask] = OnnxSession.Value<long>([.. Enumerable.Range(0, read).Select(i => i < Padding ? 0L : 1L)], 1, read),
            };
            foreach (var (output, value) in program.Outputs.Zip(past ?? []))
            {
                if (OnnxCache.PastOf(output) is { } input)
                {
                    inputs.Add(input, value);
                }
            }

            return inputs;
        }
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
