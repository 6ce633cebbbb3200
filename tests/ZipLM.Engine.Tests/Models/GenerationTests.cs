using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Models;

public sealed class GenerationTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private const int Prompt = 6;
    private const int Tokens = 5;

    /// <summary>At every step the answer is the one that the whole text, read at once, has in that place.</summary>
    [Theory]
    [InlineData("gpt2 causal", null)]
    [InlineData("gpt2 causal", "1/7 3/24")]
    [InlineData("gpt2 causal", "0/24 2/0")]
    [InlineData("gpt2 causal", "0/0 0/0")]
    [InlineData("gpt2 bare", "3/9 4/24")]
    [InlineData("llama causal", null)]
    [InlineData("llama causal", "1/24 2/5")]
    public void A_text_written_token_by_token_is_the_text_read_at_once(string name, string? shapes) => fixture.Run(() =>
    {
        using var gradients = no_grad();
        using var model = TinyBert.Create(TinyFamilies.Describe(name, shapes), 90, ScalarType.Float64);
        using var prompt = Batch.Random(2, Prompt, 40, 91, CPU);
        using var next = Batch.Random(2, 1, 40, 92, CPU);
        using var whole = Batch.Random(2, Generation.Positions(Prompt, Tokens), 40, 93, CPU);
        whole.InputIds.copy_(cat([prompt.InputIds, next.InputIds.expand(-1, Tokens - 1)], 1));
        var read = model.Forward(whole);
        var expected = read.Logits ?? read.LastHidden;
        var answers = 0;
        Generation.Run(model, prompt, next, Tokens, answer =>
            TinyBert.AssertTensorsClose(expected.select(1, Prompt - 1 + answers++), answer, 1e-11));
        Assert.Equal(Tokens, answers);
    });

    [Fact]
    public void One_token_takes_the_prompts_pass_alone() => fixture.Run(() =>
    {
        using var gradients = no_grad();
        using var model = TinyBert.Create(TinyFamilies.Describe("gpt2 causal"), 94);
        using var prompt = Batch.Random(1, 32, 40, 95, CPU);
        using var next = Batch.Random(1, 1, 40, 96, CPU);
        var answers = 0;
        // The prompt takes all positions: a second pass would find none.
        Generation.Run(model, prompt, next, 1, _ => answers++);
        Assert.Equal(1, answers);
    });

    [Theory]
    [InlineData(20, 0, 32, 20)]
    [InlineData(20, 13, 32, 20)]
    [InlineData(20, 14, 32, 19)]
    [InlineData(40, 1, 32, 32)]
    [InlineData(20, 32, 32, 1)]
    [InlineData(20, 33, 32, 1)]
    public void A_prompt_leaves_positions_to_what_follows(int length, int tokens, int positions, int prompt) =>
        Assert.Equal(prompt, Generation.Prompt(length, tokens, positions));
}
