using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Compression;

/// <summary>
/// Loss of pruned models on rows that the statistics did not see: with the labels where the data has them, else against the
/// answers of the model that is pruned, or its last hidden states where it has no head, or one that answers for every token.
/// </summary>
internal sealed class SearchLoss : IDisposable
{
    private const int BatchSize = 32;

    private readonly EncodedDataset _sample;
    private readonly Device _device;

    /// <summary>What the model that is pruned gives for each batch, where that is what is compared with.</summary>
    private readonly List<Tensor> _answers = [];

    /// <param name="model">The model that is pruned.</param>
    /// <param name="sample">Labels, where there are any, are the model's.</param>
    public SearchLoss(Transformer model, EncodedDataset sample, CancellationToken cancellationToken)
    {
        (_sample, _device) = (sample, model.Device);
        Measure = !model.AnswersOnceASequence ? LossMeasure.HiddenStateError
            : sample.Examples.All(e => e.Label is not null) ? LossMeasure.CrossEntropy
            : LossMeasure.KLDivergence;
        try
        {
            if (Measure != LossMeasure.CrossEntropy)
            {
                ForEach(model, (_, _, output) => _answers.Add(Answer(output).DetachFromDisposeScope()), cancellationToken);
            }

            Dense = Measure == LossMeasure.CrossEntropy ? Of(model, cancellationToken) : 0;
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
        if (Measure == LossMeasure.CrossEntropy)
        {
            return QualityEvaluator.Evaluate(model, Batch.Sequential(_sample, BatchSize, _device), cancellationToken).Loss;
        }

        var (loss, weight) = (0.0, 0.0);
        ForEach(model, (i, batch, output) =>
        {
            var (part, share) = Measure == LossMeasure.KLDivergence ? Divergence(Answer(output), _answers[i]) : Error(Answer(output), _answers[i], batch);
            loss += part;
            weight += share;
        }, cancellationToken);
        return loss / weight;
    }

    public void Dispose() => _answers.ForEach(a => a.Dispose());

    private void ForEach(Transformer model, Action<int, Batch, ModelOutput> act, CancellationToken cancellationToken)
    {
        foreach (var (i, batch) in Batch.Sequential(_sample, BatchSize, _device).Index())
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

    /// <summary>Σ KL over the rows, and their number.</summary>
    private static (double, double) Divergence(Tensor logits, Tensor answer) =>
        (DistillationLoss.Logit(logits, answer, 1).item<float>() * (double)logits.shape[0], logits.shape[0]);

    /// <summary>‖h − h₀‖² and ‖h₀‖² over real tokens.</summary>
    private static (double, double) Error(Tensor hidden, Tensor answer, Batch batch)
    {
        var (h, h_0) = batch.IsPadded ? (hidden[batch.Mask], answer[batch.Mask]) : (hidden, answer);
        return ((h - h_0).square().sum().item<float>(), h_0.square().sum().item<float>());
    }
}
