using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>The loss of a student's output on a batch, in single precision whatever the model computes in.</summary>
/// <param name="pairs">What the token loss compares; needed where it has a weight.</param>
internal sealed class StudentLoss(TrainingOptions options, ModelTask task, LayerPairs? pairs)
{
    /// <summary>Whether the outputs of the student's blocks are needed.</summary>
    public bool NeedsHidden => options.Weights.Token > 0;

    /// <param name="teacher">Needed where the logit or token loss has a weight.</param>
    /// <param name="share">How much of the step the batch is.</param>
    public LossTerms Of(ModelOutput student, TeacherAnswer? teacher, Batch batch, PartShare share)
    {
        var weights = options.Weights;
        var logits = student.Logits is { } given ? Precise(given) : null;
        var answers = task == ModelTask.CausalLanguageModeling ? share.Tokens : share.Rows;
        return new(
            weights,
            weights.Task > 0 ? DistillationLoss.Task(logits!, batch.Labels!, options.LabelSmoothing) * answers : null,
            weights.Logit > 0 ? DistillationLoss.Logit(task, logits!, teacher!, batch, options.Temperature) * answers : null,
            weights.Token > 0 ? DistillationLoss.Token(pairs!.Student(student.Hidden), teacher!.Hidden, batch, options.TokenDistance) * share.Tokens : null);
    }

    internal static Tensor Precise(Tensor x) => x.dtype == ScalarType.BFloat16 ? x.to(ScalarType.Float32) : x;
}
