using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Evaluation;

/// <summary>Quality of a classifier on labelled data.</summary>
internal static class QualityEvaluator
{
    /// <summary>Accuracy (0–1) and mean cross-entropy over the rows.</summary>
    /// <param name="model">A model with a head.</param>
    /// <param name="batches">At least one; disposed here.</param>
    public static Quality Evaluate(Transformer model, IEnumerable<Batch> batches, CancellationToken cancellationToken)
    {
        var (correct, loss, samples) = (0L, 0.0, 0L);
        foreach (var batch in batches)
        {
            using var gradients = inference_mode();
            using var scope = NewDisposeScope();
            using (batch)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (batch.Labels is null)
                {
                    throw new ZipLMException("DatasetUnlabelled", ErrorKind.InvalidData,
                        "Quality cannot be measured: the data has no labels.", "Give a data set with a label column (-LabelColumn of Import-TextDataset).");
                }

                var logits = model.Forward(batch).Logits!.to(float32);
                correct += logits.argmax(1).eq(batch.Labels).sum().item<long>();
                loss += nn.functional.cross_entropy(logits, batch.Labels, reduction: nn.Reduction.Sum).item<float>();
                samples += batch.Labels.shape[0];
            }
        }

        return new("accuracy", (double)correct / samples, loss / samples, (int)samples);
    }
}
