using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// Gradient checkpointing (Chen et al., 2016): the forward pass keeps the blocks' outputs alone, and the backward pass
/// computes each block again, with the same dropout. The gradients are the same.
/// </summary>
internal sealed class RecomputingPass : IGradientPass
{
    public Tensor Run(Transformer student, TrainingPart part, StudentLoss loss, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var batch = part.Batch;
        var mask = batch.IsPadded ? batch.Mask.unsqueeze(1).unsqueeze(1) : null;

        // Outputs without graphs: [0] of the embeddings, [k + 1] of block k. Each then is a leaf, which gathers its gradient.
        var outputs = new List<Tensor>();
        using (no_grad())
        {
            outputs.Add(Embed());
            foreach (var block in student.Blocks)
            {
                cancellationToken.ThrowIfCancellationRequested();
                outputs.Add(Through(block, outputs[^1]));
            }
        }

        outputs.ForEach(o => o.requires_grad = true);
        Seed(student.Blocks.Count);
        var last = student.FinalNorm?.Apply(outputs[^1]) ?? outputs[^1];
        var terms = loss.Of(new(last, loss.Forward.Head == true ? student.Head?.Forward(last, batch, loss.Forward) : null, outputs[1..]), part.Teacher, batch, part.Share);
        terms.Backward();
        for (var k = student.Blocks.Count - 1; k >= 0; k--)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Backward(Through(student.Blocks[k], outputs[k]), outputs[k + 1]);
        }

        Backward(Embed(), outputs[0]);
        return terms.Detach();

        Tensor Embed()
        {
            Seed(-1);
            return student.Embeddings.Forward(batch, loss.Forward);
        }

        Tensor Through(Block block, Tensor input)
        {
            using var inner = NewDisposeScope();
            Seed(block.Layer);
            return block.Forward(input, mask, loss.Forward).MoveToOuterDisposeScope();
        }

        void Seed(int layer) => Randomness.Seed(unchecked(part.Seed + ((layer + 2) * 104_729_000_017L)), student.Device);
    }

    /// <param name="again">The output, computed again with a graph.</param>
    /// <param name="leaf">The same without, which knows its gradient; null where nothing depends on it.</param>
    private static void Backward(Tensor again, Tensor leaf)
    {
        using (again)
        {
            using var gradient = leaf.grad;
            if (gradient is not null)
            {
                again.backward([gradient]);
                leaf.grad = null;
            }
        }
    }
}
