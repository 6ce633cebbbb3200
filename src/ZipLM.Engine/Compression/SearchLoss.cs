using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Compression;

/// <summary>
/// Loss of pruned models on rows that the statistics did not see: the task's where the data says what is right, else against
/// the answers of the model that is pruned, or its last hidden states where it has no head of a task.
/// </summary>
internal sealed class SearchLoss : IDisposable
{
    private const int BatchSize = 32;

    private readonly EncodedDataset _sample;
    private readonly Device _device;
    private readonly int _batchSize;

    /// <summary>Whether it is the task's own loss, by what the data says is right.</summary>
    private readonly bool _isTasks;

    /// <summary>What the model that is pruned gives for each batch, where that is what is compared with.</summary>
    private readonly List<Tensor> _answers = [];

    /// <param name="model">The model that is pruned.</param>
    /// <param name="sample">Labels, where there are any, are the model's.</param>
    public SearchLoss(Transformer model, EncodedDataset sample, CancellationToken cancellationToken)
    {
        (_sample, _device) = (sample, model.Device);
        _batchSize = EvaluationSet.BatchSizeFor(sample, model, BatchSize);
        Measure = model.Head is not { IsTask: true } ? LossMeasure.HiddenStateError
            : sample.Task == ModelTask.Regression ? LossMeasure.SquaredError
            : sample.HasTargets ? LossMeasure.CrossEntropy
            : LossMeasure.KLDivergence;
        _isTasks = Measure != LossMeasure.HiddenStateError && sample.HasTargets;
        try
        {
            if (!_isTasks)
            {
                ForEach(model, (_, _, output) => _answers.Add(Answer(output).DetachFromDisposeScope()), cancellationToken);
            }

            Dense = _isTasks ? Of(model, cancellationToken) : 0;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public LossMeasure Measure { get; }

    /// <summary>Loss of the model that is pruned.</summary>
    public double Dense { get; }

    /// <summary>Loss of a pruned model.</summary>
    public double Of(Transformer model, CancellationToken cancellationToken)
    {
        var (loss, weight) = (0.0, 0.0);
        ForEach(model, (i, batch, output) =>
        {
            var (part, share) = _isTasks ? Task(Answer(output), batch)
                : Measure == LossMeasure.HiddenStateError ? Error(Answer(output), _answers[i], batch)
                : Divergence(Answer(output), _answers[i], batch);
            loss += part;
            weight += share;
        }, cancellationToken);
        return loss / Math.Max(weight, double.Epsilon);
    }

    public void Dispose() => _answers.ForEach(a => a.Dispose());

    private void ForEach(Transformer model, Action<int, Batch, ModelOutput> act, CancellationToken cancellationToken)
    {
        foreach (var (i, batch) in Batch.Sequential(_sample, _batchSize, _device).Index())
        {
            using var gradients = inference_mode();
            using var scope = NewDisposeScope();
            using (batch)
            {
                cancellationToken.ThrowIfCancellationRequested();
                act(i, batch, model.Forward(batch, new() { Head = Measure != LossMeasure.HiddenStateError }));
            }
        }
    }

    private static Tensor Answer(ModelOutput output) => (output.Logits ?? output.LastHidden).to(float32);

    private static (double, double) Task(Tensor logits, Batch batch)
    {
        var (sum, count) = TaskLoss.Sum(logits, batch);
        return (sum.item<float>(), count);
    }

    /// <summary>Σ KL over the answers, or squared differences of a regression, and their number.</summary>
    private static (double, double) Divergence(Tensor logits, Tensor answer, Batch batch)
    {
        var count = TaskLoss.Answers(logits, batch).shape[0];
        return (DistillationLoss.Logit(logits, answer, batch, 1).item<float>() * (double)count, count);
    }

    /// <summary>‖h − h₀‖² and ‖h₀‖² over real tokens.</summary>
    private static (double, double) Error(Tensor hidden, Tensor answer, Batch batch)
    {
        var (h, h_0) = batch.IsPadded ? (hidden[batch.Mask], answer[batch.Mask]) : (hidden, answer);
        return ((h - h_0).square().sum().item<float>(), h_0.square().sum().item<float>());
    }
}
