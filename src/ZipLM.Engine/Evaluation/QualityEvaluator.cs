using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Evaluation;

/// <summary>Quality of a classifier on labelled data.</summary>
internal static class QualityEvaluator
{
    /// <summary>Accuracy (0–1) and mean cross-entropy over the rows.</summary>
    public static Quality Evaluate(Transformer model, IEnumerable<Batch> batches, CancellationToken cancellationToken)
    {
        var (correct, loss, samples) = (0L, 0.0, 0L);
        foreach (var batch in batches)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var gradients = inference_mode();
            using var scope = NewDisposeScope();
            using (batch)
            {
                if (batch.Labels is null)
                {
                    throw new ZipLMException("DatasetUnlabelled", ErrorKind.InvalidData,
                        "Quality cannot be measured: the data has no labels.", "Give a data set with a label column (-LabelColumn of Import-TextDataset).");
                }

                var logits = (model.Forward(batch).Logits ?? throw NoHead()).to(float32);
                correct += logits.argmax(1).eq(batch.Labels).sum().item<long>();
                loss += nn.functional.cross_entropy(logits, batch.Labels, reduction: nn.Reduction.Sum).item<float>();
                samples += batch.Labels.shape[0];
            }
        }

        return new("accuracy", (double)correct / samples, loss / samples, (int)samples);
    }

    private static ZipLMException NoHead() => new("ModelHeadMissing", ErrorKind.InvalidOperation,
        "The model has no trained head, so it has no answers to measure.", "Use a checkpoint with a classifier, or train one with Start-ModelTraining.");
}
