using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
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
        return sum.Over(Math.Max(count, 1));
    }

    /// <summary>The losses added up, scalar, and how many they are.</summary>
    /// <exception cref="ZipLMException">The batch does not say what is right.</exception>
    public static (Tensor Sum, long Count) Sum(Tensor logits, Batch batch, double smoothing = 0) => (Each(logits, batch, smoothing).sum(), Count(batch));

    /// <summary>The loss of each answer; [answers]. A token that is not to be told, and padding, has none: 0.</summary>
    /// <exception cref="ZipLMException">The batch does not say what is right.</exception>
    public static Tensor Each(Tensor logits, Batch batch, double smoothing = 0)
    {
        var targets = batch.Targets ?? throw new ZipLMException("DatasetUnlabelled", ErrorKind.InvalidData,
            "There is no loss of the task: the data does not say what is right.",
            batch.Task == ModelTask.QuestionAnswering ? "Give questions with their answers." : "Give a data set with a label column (-LabelColumn of Import-TextDataset).");
        var answers = Answers(logits, batch);
        return batch.Task switch
        {
            ModelTask.Regression => (answers.squeeze(1) - targets.to(answers.dtype)).Squared(),
            ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling => nn.functional.cross_entropy(
                answers, targets.flatten(), ignore_index: TaskTargets.None, reduction: nn.Reduction.None, label_smoothing: smoothing),
            // The places of padding are choices too, whose scores no weight may fall on.
            ModelTask.QuestionAnswering => nn.functional.cross_entropy(answers, targets.flatten(), reduction: nn.Reduction.None),
            _ => nn.functional.cross_entropy(answers, targets, reduction: nn.Reduction.None, label_smoothing: smoothing),
        };
    }

    /// <summary>How many losses a batch has: rows, starts and ends of answers, or tokens to tell.</summary>
    public static long Count(Batch batch) => batch.Task switch
    {
        ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling =>
            batch.TargetCount,
        ModelTask.QuestionAnswering => 2 * batch.Rows.Count,
        _ => batch.Rows.Count,
    };

    /// <summary>What the answers of each row add up to; padding does not count.</summary>
    /// <param name="each">One number an answer; [answers].</param>
    /// <returns>[batch]</returns>
    public static Tensor ByRow(Tensor each, Batch batch) => batch.Task switch
    {
        ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling =>
            ByToken(each, batch).sum(new long[] { 1 }),
        ModelTask.QuestionAnswering => each.view(-1, 2).sum(new long[] { 1 }),
        _ => each,
    };

    /// <summary>A language model's answers, each at its token, and 0 at padding; [batch, length].</summary>
    /// <param name="each">One number an answer; [answers].</param>
    public static Tensor ByToken(Tensor each, Batch batch)
    {
        var tokens = each.view(batch.Mask.shape);
        return batch.IsPadded ? tokens.FilledWhere(batch.Mask.logical_not(), 0) : tokens;
    }

    /// <summary>
    /// The answers as rows of scores, one choice a row: a label of each text; where each answer starts and ends among the
    /// tokens of its text; a word at each token, padding included: to leave it out would
    /// wait for the device and copy all scores. A regression has one number a row, and nothing to choose.
    /// </summary>
    /// <returns>[answers, choices]</returns>
    public static Tensor Answers(Tensor logits, Batch batch)
    {
        switch (batch.Task)
        {
            case ModelTask.QuestionAnswering:
                var places = logits.transpose(1, 2);
                return (batch.IsPadded ? places.FilledWhere(batch.Mask.logical_not().unsqueeze(1), Never) : places).flatten(0, 1);
            case ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling:
                return logits.flatten(0, 1);
            default:
                return logits;
        }
    }
}
