using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
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
        return batch.Task == ModelTask.Regression ? (answers - targets).square().mean() : Logit(answers, targets, temperature);
    }

    /// <summary>The same of answers as rows of scores.</summary>
    /// <param name="student">[answers, choices]</param>
    /// <param name="teacher">[answers, choices]</param>
    public static Tensor Logit(Tensor student, Tensor teacher, double temperature)
    {
        var p = nn.functional.log_softmax(teacher / temperature, 1);
        var q = nn.functional.log_softmax(student / temperature, 1);
        return (p.exp() * (p - q)).sum(new long[] { 1 }).mean() * (temperature * temperature);
    }

    /// <summary>
    /// Σ_k mean over non-padding tokens of ‖h_student^k − h_teacher^k‖₂ over the outputs of the blocks; scalar.
    /// Padding never counts.
    /// </summary>
    /// <param name="student">Output of each block, [batch, length, hidden].</param>
    /// <param name="teacher">The same of the teacher.</param>
    /// <param name="batch">Tells which tokens are padding.</param>
    public static Tensor Token(IReadOnlyList<Tensor> student, IReadOnlyList<Tensor> teacher, Batch batch)
    {
        var mask = batch.IsPadded ? batch.Mask.to(student[0].dtype) : null;
        Tensor? total = null;
        for (var k = 0; k < student.Count; k++)
        {
            // The small constant keeps the gradient of the root finite where student and teacher agree exactly.
            var distance = ((student[k] - teacher[k]).square().sum(new long[] { 2 }) + 1e-12).sqrt();
            var mean = mask is null ? distance.mean() : (distance * mask).sum() / batch.TokenCount;
            total = total is null ? mean : total + mean;
        }

        return total ?? throw new ArgumentException("There is no hidden state to compare.", nameof(student));
    }
}
