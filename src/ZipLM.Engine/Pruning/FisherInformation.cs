using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>
/// The diagonal of the Fisher information of a mask on every structure (Kwon et al., 2022, "A fast post-training pruning
/// framework for transformers"): mean over the samples of the squared gradient of each sample's loss, at the mask of ones.
/// </summary>
/// <remarks>
/// The mask of structure S multiplies its columns of the input X of the output matrix, so its gradient is Σ X_S∘∂L/∂X_S over
/// the tokens of a sample: no mask has to be built, only the gradient of X is asked for, and all samples of a batch are had from
/// one backward pass.
/// <para>
/// L is the task's loss with the sample's label; without labels, with a label drawn from the model's own answer. A model
/// without a head, or with one that answers for every token, answers with its last hidden state h, taken as the mean of a normal distribution of unit variance: the draw
/// is then h + ε, and the gradient of L that of −ε·h. (The squared norm of h would be no loss to go by: a LayerNorm keeps it
/// nearly the same whatever is masked.)
/// </para>
/// </remarks>
internal static class FisherInformation
{
    /// <summary>The information of each structure's mask, by its index in the sublayer.</summary>
    /// <param name="batches">At least one; disposed here.</param>
    /// <param name="seed">Seed of what is drawn where there is no label.</param>
    /// <exception cref="ZipLMException">A gradient is not finite.</exception>
    public static IReadOnlyDictionary<(int Layer, Sublayer Sublayer), double[]> Collect(
        Transformer model, IEnumerable<Batch> batches, int seed, CancellationToken cancellationToken)
    {
        using var generator = new Generator((ulong)seed);
        var sums = new Dictionary<(int Layer, Sublayer Sublayer), double[]>();
        var samples = 0L;
        foreach (var batch in batches)
        {
            using var gradients = enable_grad();
            using var scope = NewDisposeScope();
            using (batch)
            {
                var inputs = new List<(int Layer, Sublayer Sublayer, Tensor X)>();
                var output = model.Forward(batch, new()
                {
                    Head = model.AnswersOnceASequence,
                    Observe = (layer, sublayer, x) =>
                    {
                        // A batch through a large model takes seconds: this is looked at in each sublayer.
                        cancellationToken.ThrowIfCancellationRequested();
                        inputs.Add((layer, sublayer, WithGradient(x).MoveToOuterDisposeScope()));
                    },
                });
                // Nothing to prune, nothing to differentiate.
                if (inputs.Count > 0)
                {
                    Loss(output, batch, generator).backward();
                }

                foreach (var (layer, sublayer, x) in inputs)
                {
                    var squares = MaskGradients(x, StructureSize(model, layer, sublayer)).Squared().sum(new long[] { 0 }).cpu().data<double>().ToArray();
                    Add(sums, (layer, sublayer), squares);
                }

                samples += batch.InputIds.shape[0];
            }
        }

        Check(sums);
        return sums.ToDictionary(s => s.Key, s => s.Value.Select(v => v / samples).ToArray());
    }

    /// <summary>The weights ask for no gradients: where none came with x either, it is the first that is differentiated by.</summary>
    private static Tensor WithGradient(Tensor x)
    {
        if (x.requires_grad)
        {
            x.retain_grad();
            return x;
        }

        return x.requires_grad_(true);
    }

    /// <summary>Σ over the samples, so that each sample's gradient is that of its own loss.</summary>
    private static Tensor Loss(ModelOutput output, Batch batch, Generator generator)
    {
        if (output.Logits is not { } logits)
        {
            var h = output.LastHidden.to(float32);
            var noise = Randomness.Normal(h.shape, generator, h.device);
            return -(batch.IsPadded ? h * noise * batch.Mask.unsqueeze(2) : h * noise).sum();
        }

        var single = logits.to(float32);
        if (batch.Targets is not null)
        {
            return TaskLoss.Sum(single, batch).Sum;
        }

        // A regression's answer is the mean of a normal distribution of unit variance, as the hidden state is above.
        return batch.Task == ModelTask.Regression
            ? -(single * Randomness.Normal(single.shape, generator, single.device)).sum()
            : nn.functional.cross_entropy(single, Randomness.Choice(single.detach().softmax(1), generator), reduction: nn.Reduction.Sum);
    }

    /// <summary>Gradient of each sample's loss with respect to the mask of each structure, double [batch, structures].</summary>
    private static Tensor MaskGradients(Tensor x, int size)
    {
        using var gradients = no_grad();
        var products = x.detach().to(float64) * x.grad!.to(float64);
        return products.sum(new long[] { 1 }).view(x.shape[0], -1, size).sum(new long[] { 2 });
    }

    private static int StructureSize(Transformer model, int layer, Sublayer sublayer) =>
        sublayer == Sublayer.Attention ? model.Blocks.Single(b => b.Layer == layer).Attention!.StructureSize : 1;

    private static void Add(Dictionary<(int Layer, Sublayer Sublayer), double[]> sums, (int Layer, Sublayer Sublayer) place, double[] squares)
    {
        if (!sums.TryGetValue(place, out var sum))
        {
            sums.Add(place, squares);
            return;
        }

        for (var i = 0; i < sum.Length; i++)
        {
            sum[i] += squares[i];
        }
    }

    private static void Check(Dictionary<(int Layer, Sublayer Sublayer), double[]> sums)
    {
        foreach (var ((layer, sublayer), sum) in sums)
        {
            if (!sum.All(double.IsFinite))
            {
                throw new ZipLMException("FisherNotFinite", ErrorKind.InvalidData,
                    $"The gradients at the {sublayer} output matrix of layer {layer} hold NaN or infinite values.",
                    "The model's weights are damaged, or the precision is too small for them: use another checkpoint, -Precision Float32, or another -Criterion.");
            }
        }
    }
}
