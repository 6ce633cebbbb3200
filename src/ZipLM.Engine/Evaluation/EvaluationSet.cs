using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Evaluation;

/// <summary>Data as the tokens of a model, to evaluate that model, or others that were made from it, by the metrics of its task.</summary>
internal sealed class EvaluationSet
{
    private const int BatchSize = 64;

    /// <summary>Most scores of a language model at a time, of 4 bytes each: its vocabulary makes a batch large.</summary>
    private const long MostScores = 1 << 25;

    private readonly TextDataset _data;
    private readonly int _labels;

    /// <summary>Rows of a batch at most; fewer once memory ran out.</summary>
    private int _most = BatchSize;

    /// <param name="data">The rows, with what is right as the model has it.</param>
    /// <param name="encoded">The same as tokens.</param>
    /// <param name="labels">Labels of the model.</param>
    public EvaluationSet(TextDataset data, EncodedDataset encoded, int labels) => (_data, Encoded, _labels) = (data, encoded, labels);

    /// <summary>The tokens.</summary>
    public EncodedDataset Encoded { get; }

    /// <summary>Prepares data for a model.</summary>
    /// <param name="maximumLength">Longest sequence, in tokens; null = the model's.</param>
    /// <param name="stride">Tokens that neighbouring windows of a long text share; null = what is usual for the task (causal language modeling: half of a window).</param>
    /// <exception cref="ZipLMException">The model has no head to evaluate, or the data does not say what is right.</exception>
    public static EvaluationSet Create(TransformerModel model, TextDataset data, int? maximumLength, int? stride, CancellationToken cancellationToken, IReporter? reporter = null)
    {
        if (model.Task == ModelTask.FeatureExtraction)
        {
            throw new ZipLMException("ModelHeadMissing", ErrorKind.InvalidOperation,
                $"'{model.Name}' is a {model.Architecture}, which has no trained head and so nothing to measure.",
                "Use a checkpoint that was trained for a task.", model);
        }

        if (!LabelAlignment.HasTargets(data, model.Task))
        {
            throw new ZipLMException("DatasetUnlabelled", ErrorKind.InvalidData,
                $"Quality cannot be measured: '{data.Name}' does not say {(model.Task == ModelTask.QuestionAnswering ? "the answers" : "the labels")} of all of its rows.",
                model.Task == ModelTask.QuestionAnswering ? "Give questions with their answers (Import-TextDataset dev-v1.1.json)." : "Give a data set with a label column (-LabelColumn of Import-TextDataset).");
        }

        var aligned = LabelAlignment.Align(data, model.Task, model.Labels, reporter);
        var length = Math.Min(maximumLength ?? int.MaxValue, model.MaximumSequenceLength);
        var shared = stride ?? (model.Task == ModelTask.CausalLanguageModeling ? length / 2 : null);
        return new(aligned, model.Encode(aligned, length, cancellationToken, stride: shared), model.Labels.Count);
    }

    /// <summary>Metrics and mean loss over all rows; runs on the session's worker thread.</summary>
    public Quality Evaluate(Transformer model, CancellationToken cancellationToken) =>
        Evaluate(model, batch => model.Forward(batch, new() { Head = true }).Logits!, cancellationToken);

    /// <summary>The same with the answers of another program than torch.</summary>
    /// <param name="model">Says where batches go and how many words there are.</param>
    /// <param name="answer">Gives a batch's answers as <see cref="ModelOutput.Logits"/>; called within a dispose scope.</param>
    public Quality Evaluate(Transformer model, Func<Batch, Tensor> answer, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return EvaluateAll(model, answer, cancellationToken);
            }
            catch (Exception e) when (_most > 1 && OutOfMemory.Is(e))
            {
                // A training that fits in small parts is not to end when it is validated.
                _most /= 2;
            }
        }
    }

    private Quality EvaluateAll(Transformer model, Func<Batch, Tensor> answer, CancellationToken cancellationToken)
    {
        var scorer = Scorer.Of(_data, Encoded, _labels);
        var (loss, count) = (0.0, 0L);
        foreach (var batch in Batch.Sequential(Encoded, BatchSizeFor(Encoded, model, _most), model.Device))
        {
            using var gradients = inference_mode();
            using var scope = NewDisposeScope();
            using (batch)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var logits = answer(batch).to(float32);
                var (sum, part) = TaskLoss.Sum(logits, batch);
                loss += sum.item<float>();
                count += part;
                scorer.Add(logits, batch);
            }
        }

        var mean = loss / Math.Max(count, 1);
        var metrics = scorer.Metrics(mean);
        return new(metrics[0].Name, metrics.ToDictionary(m => m.Name, m => m.Value), mean, _data.Count);
    }

    /// <summary>Rows of a batch: as many as asked for, fewer where a language model's scores would fill the memory.</summary>
    public static int BatchSizeFor(EncodedDataset data, Transformer model, int most) => data.Task is ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling
        ? (int)Math.Clamp(MostScores / (data.Lengths.Max() * model.Embeddings.Words.Weight.shape[0]), 1, most)
        : most;
}
