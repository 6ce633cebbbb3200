using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>L = λ_task·L_task + λ_logit·KL(teacher ‖ student) · T² + λ_token·Σ_k distance of hidden states (ZipLM, section 3.2).</summary>
internal static class DistillationLoss
{
    /// <summary>KL(teacher ‖ student) at temperature T, times T² so that its gradient does not shrink with T (Hinton et al., 2015); scalar.</summary>
    /// <param name="student">As <see cref="Models.ModelOutput.Logits"/> says; padding does not count.</param>
    /// <param name="teacher">The same of the teacher. From a regression, which has no probabilities, it is the mean squared difference.</param>
    public static Tensor Logit(Tensor student, Tensor teacher, Batch batch, double temperature)
    {
        var (answers, targets) = (TaskLoss.Answers(student, batch), TaskLoss.Answers(teacher, batch));
        return batch.Task switch
        {
            ModelTask.Regression => (answers - targets).Squared().mean(),
            ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling =>
                TaskLoss.ByToken(Divergences(answers, targets, temperature), batch).sum().Over(batch.TokenCount),
            _ => Logit(answers, targets, temperature),
        };
    }

    /// <summary>The same of answers as rows of scores.</summary>
    /// <param name="student">[answers, choices]</param>
    /// <param name="teacher">[answers, choices]</param>
    public static Tensor Logit(Tensor student, Tensor teacher, double temperature) => Divergences(student, teacher, temperature).mean();

    /// <summary>The same of a language model, of which only the likeliest words were kept.</summary>
    public static Tensor Logit(Tensor student, LikelyWords teacher, Batch batch, double temperature) =>
        OverTokens(teacher.Divergence(student, temperature), batch);

    /// <summary>
    /// Σ_k mean over non-padding tokens of the distance between a block's output and that of the teacher's; scalar.
    /// Padding never counts.
    /// </summary>
    /// <param name="student">Outputs of the student's blocks, [batch, length, hidden].</param>
    /// <param name="teacher">For each, what it is to come near to, of the same shape.</param>
    /// <param name="batch">Tells which tokens are padding.</param>
    public static Tensor Token(IReadOnlyList<Tensor> student, IReadOnlyList<Tensor> teacher, Batch batch, TokenDistance measure = TokenDistance.Euclidean)
    {
        Tensor? total = null;
        for (var k = 0; k < student.Count; k++)
        {
            var difference = student[k] - teacher[k];
            // The gradient of the norm is 0 where student and teacher agree exactly.
            var distance = measure == TokenDistance.Euclidean
                ? difference.norm(dim: 2)
                : difference.Squared().sum(new long[] { 2 }) / teacher[k].Squared().sum(new long[] { 2 }).Plus(1e-12);
            var mean = OverTokens(distance, batch);
            total = total is null ? mean : total.Plus(mean);
        }

        return total ?? throw new ArgumentException("There is no hidden state to compare.", nameof(student));
    }

    private static Tensor Divergences(Tensor student, Tensor teacher, double temperature)
    {
        var p = nn.functional.log_softmax(teacher.Over(temperature), 1);
        var q = nn.functional.log_softmax(student.Over(temperature), 1);
        return (p.exp() * (p - q)).sum(new long[] { 1 }).Times(temperature * temperature);
    }

    /// <summary>Mean over the tokens that are not padding.</summary>
    /// <param name="values">[batch, length]</param>
    private static Tensor OverTokens(Tensor values, Batch batch) =>
        batch.IsPadded ? (values * batch.Mask.to(values.dtype)).sum().Over(batch.TokenCount) : values.mean();
}
