using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>How similar what two models' blocks give is: linear centred kernel alignment (Kornblith et al., 2019), which needs no common width.</summary>
internal static class LayerSimilarity
{
    /// <summary>CKA of each block of the student with each of the teacher, 0–1, over the tokens of some batches; [student block, teacher block].</summary>
    /// <param name="batches">Disposed here; what all blocks of both models give for them must fit into memory.</param>
    public static double[,] Of(Transformer student, Transformer teacher, IEnumerable<Batch> batches, CancellationToken cancellationToken)
    {
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var (own, others) = (student.Blocks.Select(_ => new List<Tensor>()).ToList(), teacher.Blocks.Select(_ => new List<Tensor>()).ToList());
        foreach (var batch in batches)
        {
            using (batch)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Collect(student, batch, own);
                Collect(teacher, batch, others);
            }
        }

        // In double precision one block of each at a time.
        var xNorms = own.Select(parts => SelfNorm(parts, cancellationToken)).ToList();
        var result = new double[own.Count, others.Count];
        for (var j = 0; j < others.Count; j++)
        {
            using var ofTeacher = NewDisposeScope();
            var y = Centred(others[j]);
            var yNorm = SelfNorm(others[j], cancellationToken);
            for (var k = 0; k < own.Count; k++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var inner = NewDisposeScope();
                result[k, j] = y.t().matmul(Centred(own[k])).Squared().sum().item<double>() / (xNorms[k] * yNorm);
            }
        }

        return result;
    }

    private static void Collect(Transformer model, Batch batch, List<List<Tensor>> perBlock)
    {
        using var scope = NewDisposeScope();
        var tokens = batch.Mask.view(-1).nonzero().squeeze(1);
        foreach (var (list, hidden) in perBlock.Zip(model.Forward(batch, new() { KeepHidden = true }).Hidden))
        {
            list.Add(hidden.flatten(0, 1).index_select(0, tokens).MoveToOuterDisposeScope());
        }
    }

    private static Tensor Centred(List<Tensor> parts)
    {
        var all = cat(parts, 0).to(ScalarType.Float64);
        return all - all.mean(new long[] { 0 }, keepdim: true);
    }

    private static double SelfNorm(List<Tensor> parts, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var scope = NewDisposeScope();
        var x = Centred(parts);
        return Math.Max(x.t().matmul(x).Squared().sum().sqrt().item<double>(), 1e-30);
    }
}
