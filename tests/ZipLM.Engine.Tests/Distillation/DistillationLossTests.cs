using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Distillation;

/// <summary>Each loss against its formula in loops over plain numbers.</summary>
public sealed class DistillationLossTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private const int Labels = 3;
    private const int Hidden = 5;
    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(6, seed: 6));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(0.5)]
    public void The_logit_loss_is_the_divergence_from_the_teacher_times_T_squared(double temperature) => fixture.Run(() =>
    {
        var (student, teacher) = (PlainMatrix.Random(4, Labels, new Random(2)), PlainMatrix.Random(4, Labels, new Random(3)));
        var expected = temperature * temperature * Enumerable.Range(0, 4).Average(i =>
        {
            var (p, q) = (Softmax(teacher, i, temperature), Softmax(student, i, temperature));
            return p.Zip(q, (a, b) => a * Math.Log(a / b)).Sum();
        });
        Assert.Equal(expected, DistillationLoss.Logit(tensor(student), tensor(teacher), temperature).item<double>(), 1e-12);
        Assert.True(expected > 0.01);
    });

    [Fact]
    public void The_logit_loss_of_a_student_that_answers_as_its_teacher_is_zero() => fixture.Run(() =>
    {
        var logits = tensor(PlainMatrix.Random(4, Labels, new Random(4)));
        Assert.Equal(0, DistillationLoss.Logit(logits, logits, 2).item<double>(), 1e-15);
        // Adding a constant to a row of logits changes no probability.
        Assert.Equal(0, DistillationLoss.Logit(logits + 3, logits, 2).item<double>(), 1e-15);
    });

    [Fact]
    public void The_token_loss_is_the_distance_of_hidden_states_meaned_over_real_tokens_and_summed_over_blocks() => fixture.Run(() =>
    {
        using var batch = TinyBert.Batch(Data);
        Assert.True(batch.IsPadded);
        var (student, teacher) = (States(batch, 5), States(batch, 6));
        var length = (int)batch.InputIds.shape[1];
        var expected = student.Zip(teacher).Sum(pair =>
        {
            var (s, t) = (TinyBert.Values(pair.First), TinyBert.Values(pair.Second));
            var distances = Data.Lengths.SelectMany((tokens, row) => Enumerable.Range(0, tokens).Select(token =>
                Math.Sqrt(Enumerable.Range(((row * length) + token) * Hidden, Hidden).Sum(i => (s[i] - t[i]) * (s[i] - t[i])))));
            return distances.Average();
        });
        Assert.Equal(expected, DistillationLoss.Token(student, teacher, batch).item<double>(), 1e-10);
    });

    [Fact]
    public void The_token_loss_without_padding_is_the_same_formula() => fixture.Run(() =>
    {
        using var batch = TinyBert.Rows(Data).First();
        Assert.False(batch.IsPadded);
        var (student, teacher) = (States(batch, 7), States(batch, 8));
        var expected = student.Zip(teacher).Sum(pair => (pair.First - pair.Second).square().sum(new long[] { 2 }).sqrt().mean().item<double>());
        Assert.Equal(expected, DistillationLoss.Token(student, teacher, batch).item<double>(), 1e-10);
    });

    [Fact]
    public void Hidden_states_at_padded_positions_do_not_count() => fixture.Run(() =>
    {
        using var batch = TinyBert.Batch(Data);
        var (student, teacher) = (States(batch, 9), States(batch, 10));
        var before = DistillationLoss.Token(student, teacher, batch).item<double>();
        var padding = batch.Mask.logical_not().unsqueeze(2);
        Assert.Equal(before, DistillationLoss.Token([.. student.Select(s => s.masked_fill(padding, 1e3))], teacher, batch).item<double>());
        Assert.Equal(before, DistillationLoss.Token(student, [.. teacher.Select(s => s.masked_fill(padding, -7))], batch).item<double>());

        var token = batch.Mask.logical_and(arange(batch.Mask.shape[1]).eq(1).unsqueeze(0)).unsqueeze(2);
        Assert.NotEqual(before, DistillationLoss.Token([.. student.Select(s => s.masked_fill(token, 1e3))], teacher, batch).item<double>());
    });

    [Fact]
    public void The_token_loss_has_a_finite_gradient_where_student_and_teacher_agree() => fixture.Run(() =>
    {
        using var batch = TinyBert.Batch(Data);
        var state = States(batch, 11)[0].requires_grad_();
        DistillationLoss.Token([state], [state.detach()], batch).backward();
        Assert.All(TinyBert.Values(state.grad!), g => Assert.Equal(0, g));
    });

    /// <summary>Its own loss and gradient are torch's; one token agrees exactly, some are padding.</summary>
    [Fact]
    public void The_kernel_has_torchs_token_loss_and_gradient() => fixture.Run(() =>
    {
        using var batch = TinyBert.Batch(Data);
        Assert.True(batch.IsPadded);
        var teacher = States(batch, 13)[0].to(float32);
        var student = States(batch, 12)[0].to(float32);
        student[0, 1] = teacher[0, 1];
        student.requires_grad_();
        Assert.True(TokenKernel.Supports(student, teacher));
        var loss = DistillationLoss.Token([student], [teacher], batch);
        (loss * 3).backward();
        var (sum, gradient) = TokenKernel.Run(student, teacher, batch, 3.0 / batch.TokenCount);
        Assert.Equal(loss.item<float>(), sum / batch.TokenCount, 1e-6);
        TinyBert.AssertTensorsClose(student.grad!, gradient, 1e-6);
        Assert.Equal(0, gradient[0, 1].abs().sum().item<float>());
    });

    /// <summary>As a cache gives them: one block's outputs among those of several, in half precision.</summary>
    [Fact]
    public void The_kernel_takes_a_teacher_as_it_is_kept() => fixture.Run(() =>
    {
        using var batch = TinyBert.Batch(Data);
        var student = States(batch, 12)[0].to(float32);
        var kept = cat([.. States(batch, 13)], 2).to(float16);
        foreach (var block in kept.chunk(2, 2))
        {
            Assert.False(block.is_contiguous());
            Assert.True(TokenKernel.Supports(student, block));
            var (expected, expectedGradient) = TokenKernel.Run(student, block.to(float32).contiguous(), batch, 0.3);
            var (sum, gradient) = TokenKernel.Run(student, block, batch, 0.3);
            Assert.Equal(expected, sum);
            TinyBert.AssertTensorsClose(expectedGradient, gradient, 0);
        }
    });

    private static List<Tensor> States(Batch batch, int seed)
    {
        var random = new Random(seed);
        long[] shape = [batch.InputIds.shape[0], batch.InputIds.shape[1], Hidden];
        return [.. Enumerable.Range(0, 2).Select(_ => tensor(PlainMatrix.Random((int)(shape[0] * shape[1]), Hidden, random)).view(shape))];
    }

    private static double[] Softmax(double[,] logits, int row, double temperature)
    {
        var exponentials = Enumerable.Range(0, Labels).Select(j => Math.Exp(logits[row, j] / temperature)).ToArray();
        return [.. exponentials.Select(e => e / exponentials.Sum())];
    }
}
