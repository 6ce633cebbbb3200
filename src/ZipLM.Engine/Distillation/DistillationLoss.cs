using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>L = λ_task·L_task + λ_logit·KL(teacher ‖ student) · T² + λ_token·Σ_k distance of hidden states (ZipLM, section 3.2).</summary>
internal static class DistillationLoss
{
    /// <summary>Mean cross-entropy with the labels; scalar.</summary>
    /// <param name="logits">[batch, labels]</param>
    /// <param name="labels">int64 [batch]</param>
    /// <param name="smoothing">Share of a label's weight that all labels get.</param>
    public static Tensor Task(Tensor logits, Tensor labels, double smoothing = 0) =>
        nn.functional.cross_entropy(logits, labels, label_smoothing: smoothing);

    /// <summary>
    /// What the student's answers lack of the teacher's, by the task; scalar. Answers that are a choice: KL(teacher ‖ student)
    /// at temperature T, times T² so that its gradient does not shrink with T (Hinton et al., 2015), over the labels, over the
    /// places where a span can start and end, or over the words at each token. Numbers: their squared difference.
    /// </summary>
    /// <param name="student">As <see cref="Models.ModelOutput.Logits"/> says.</param>
    /// <param name="batch">Tells which tokens are padding.</param>
    public static Tensor Logit(ModelTask task, Tensor student, TeacherAnswer teacher, Batch batch, double temperature)
    {
        switch (task)
        {
            case ModelTask.Regression:
                return (student - teacher.Logits!).square().mean();
            case ModelTask.QuestionAnswering:
                var outside = batch.Mask.logical_not().unsqueeze(2);
                // Finite, so that a place with no chance gives 0 and not 0 · ∞.
                return Divergence(teacher.Logits!.masked_fill(outside, -1e4), student.masked_fill(outside, -1e4), 1, temperature).mean();
            case ModelTask.CausalLanguageModeling:
                var perToken = teacher.Words is { } words
                    ? words.Divergence(student, temperature)
                    : Divergence(teacher.Logits!, student, 2, temperature);
                return OverTokens(perToken, batch);
            default:
                return Logit(student, teacher.Logits!, temperature);
        }
    }

    /// <summary>The divergence of a classifier's answers alone, [batch, labels] each; scalar.</summary>
    public static Tensor Logit(Tensor student, Tensor teacher, double temperature) => Divergence(teacher, student, 1, temperature).mean();

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
            var squared = (student[k] - teacher[k]).square().sum(new long[] { 2 });
            var distance = measure == TokenDistance.NormalizedSquared
                ? squared / (teacher[k].square().sum(new long[] { 2 }) + 1e-12)
                // The small constant keeps the gradient of the root finite where student and teacher agree exactly.
                : (squared + 1e-12).sqrt();
            var mean = OverTokens(distance, batch);
            total = total is null ? mean : total + mean;
        }

        return total ?? throw new ArgumentException("There is no hidden state to compare.", nameof(student));
    }

    /// <summary>Mean over the tokens that are not padding.</summary>
    /// <param name="values">[batch, length]</param>
    private static Tensor OverTokens(Tensor values, Batch batch) =>
        batch.IsPadded ? (values * batch.Mask.to(values.dtype)).sum() / batch.TokenCount : values.mean();

    private static Tensor Divergence(Tensor teacher, Tensor student, long dimension, double temperature)
    {
        var p = nn.functional.log_softmax(teacher / temperature, dimension);
        var q = nn.functional.log_softmax(student / temperature, dimension);
        return (p.exp() * (p - q)).sum(new[] { dimension }) * (temperature * temperature);
    }
}
