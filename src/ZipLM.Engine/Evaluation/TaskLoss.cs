using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Evaluation;

/// <summary>
/// The loss of each task. Classification: cross-entropy with the label. Regression: squared error. Question answering: mean of
/// the cross-entropies of start and end. Language modeling: cross-entropy of the tokens to tell. Padding never counts.
/// </summary>
internal static class TaskLoss
{
    /// <summary>A score that no softmax gives a share, and finite, so that it cancels in differences.</summary>
    private const double Never = -1e9;

    /// <summary>The mean loss; scalar.</summary>
    /// <param name="logits">As <see cref="Models.ModelOutput.Logits"/> says.</param>
    /// <param name="batch">Says the task and what is right.</param>
    /// <param name="smoothing">Share of a label's or word's weight that all of them get, 0–1.</param>
    public static Tensor Mean(Tensor logits, Batch batch, double smoothing = 0)
    {
        var (sum, count) = Sum(logits, batch, smoothing);
        return sum / Math.Max(count, 1);
    }

    /// <summary>The losses added up, scalar, and how many they are: rows, starts and ends of answers, or tokens to tell.</summary>
    /// <exception cref="ZipLMException">The batch does not say what is right.</exception>
    public static (Tensor Sum, long Count) Sum(Tensor logits, Batch batch, double smoothing = 0)
    {
        var targets = batch.Targets ?? throw new ZipLMException("DatasetUnlabelled", ErrorKind.InvalidData,
            "There is no loss of the task: the data does not say what is right.",
            batch.Task == ModelTask.QuestionAnswering ? "Give questions with their answers." : "Give a data set with a label column (-LabelColumn of Import-TextDataset).");
        var answers = Answers(logits, batch);
        switch (batch.Task)
        {
            case ModelTask.Regression:
                return ((answers.squeeze(1) - targets.to(answers.dtype)).square().sum(), targets.numel());
            case ModelTask.QuestionAnswering:
                return (nn.functional.cross_entropy(answers, targets.flatten(), reduction: nn.Reduction.Sum), targets.numel());
            case ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling:
                var told = batch.IsPadded ? targets[batch.Mask] : targets.flatten();
                return (nn.functional.cross_entropy(answers, told, ignore_index: TaskTargets.None, reduction: nn.Reduction.Sum, label_smoothing: smoothing), told.ne(TaskTargets.None).sum().item<long>());
            default:
                return (nn.functional.cross_entropy(answers, targets, reduction: nn.Reduction.Sum, label_smoothing: smoothing), targets.numel());
        }
    }

    /// <summary>
    /// The answers as rows of scores, one choice a row: a label of each text; where each answer starts and ends among the
    /// tokens of its text; a word at each real token. A regression has one number a row, and nothing to choose.
    /// </summary>
    /// <returns>[answers, choices]</returns>
    public static Tensor Answers(Tensor logits, Batch batch)
    {
        switch (batch.Task)
        {
            case ModelTask.QuestionAnswering:
                var places = logits.transpose(1, 2);
                return (batch.IsPadded ? places.masked_fill(batch.Mask.logical_not().unsqueeze(1), Never) : places).flatten(0, 1);
            case ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling:
                return batch.IsPadded ? logits[batch.Mask] : logits.flatten(0, 1);
            default:
                return logits;
        }
    }
}
