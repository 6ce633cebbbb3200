using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>
/// Removes structures of neighbouring columns (heads, key/value groups) one at a time (ZipLM.md section 2, eq. 2–4). A step
/// is already a matrix product as wide as the structure, so nothing is put off.
/// </summary>
internal static class HeadRemoval
{
    /// <summary>Removes every structure, cheapest first or in a given order.</summary>
    /// <param name="dense">W, double [rows, columns].</param>
    /// <param name="inverse">H⁻¹ of the damped H, double [columns, columns].</param>
    /// <param name="size">Columns a structure.</param>
    /// <param name="forced">The order of removal; null = cheapest first.</param>
    /// <returns>Null when a block of the inverse is not positive definite.</returns>
    public static RemovalTrace? Run(Tensor dense, Tensor inverse, int size, CancellationToken cancellationToken, IReadOnlyList<int>? forced = null)
    {
        var count = (int)(inverse.shape[0] / size);
        var alive = Enumerable.Range(0, count).ToList();
        var (order, costs, distances) = (new List<int>(count), new List<double>(count), new List<double>(count));
        double[]? firstScores = null;
        var (cost, removedNorm) = (0.0, 0.0);
        var w = dense.clone();
        while (alive.Count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var step = NewDisposeScope();
            if (Scores(w, inverse, alive.Count, size) is not { } scores)
            {
                return null;
            }

            firstScores ??= scores;
            var next = forced is null ? Array.IndexOf(scores, scores.Min()) : alive.IndexOf(forced[order.Count]);
            cost += scores[next];
            removedNorm += dense.narrow(1, (long)alive[next] * size, size).Squared().sum().item<double>();
            order.Add(alive[next]);
            alive.RemoveAt(next);
            if (alive.Count == 0)
            {
                break;
            }

            // The larger matrices go at once: kept until the end they would take as many times their memory as there are steps.
            using var largerW = w;
            using var largerInverse = costs.Count > 0 ? inverse : null;
            (w, inverse) = Without(w, inverse, next, size);
            w.MoveToOuterDisposeScope();
            inverse.MoveToOuterDisposeScope();

            var keptDense = dense.index_select(1, Surgeon.Columns(alive, size, dense.device));
            costs.Add(cost);
            distances.Add((w - keptDense).Squared().sum().item<double>() + removedNorm);
        }

        return new(order, firstScores ?? [], costs, distances);
    }

    /// <summary>score(S) = Σ_rows w_S · ((H⁻¹)_SS)⁻¹ · w_Sᵀ of every structure that is left; null when a block is not positive definite.</summary>
    internal static double[]? Scores(Tensor w, Tensor inverse, int count, int size)
    {
        using var scope = NewDisposeScope();
        var blocks = inverse.view(count, size, count, size).diagonal(0, 0, 2).permute(2, 0, 1);
        var (factors, info) = linalg.cholesky_ex(blocks);
        if (info.count_nonzero().item<long>() != 0)
        {
            return null;
        }

        var w_S = w.view(w.shape[0], count, size).permute(1, 2, 0);
        return linalg.solve_triangular(factors, w_S, upper: false).Squared().sum(new long[] { 1, 2 }).cpu().data<double>().ToArray();
    }

    /// <summary>
    /// W −= W_:,S · ((H⁻¹)_SS)⁻¹ · (H⁻¹)_S,: and H⁻¹ −= (H⁻¹)_:,S · ((H⁻¹)_SS)⁻¹ · (H⁻¹)_S,:, then both without S.
    /// </summary>
    internal static (Tensor W, Tensor Inverse) Without(Tensor w, Tensor inverse, int structure, int size)
    {
        var start = (long)structure * size;
        var rows = inverse.narrow(0, start, size);
        var (factor, _) = linalg.cholesky_ex(rows.narrow(1, start, size));
        var solved = cholesky_solve(rows, factor, upper: false);
        var others = cat([TensorArithmetic.Range(0, start, int64, w.device), TensorArithmetic.Range(start + size, inverse.shape[0], int64, w.device)]);
        var solvedOthers = solved.index_select(1, others);
        var nextW = w.index_select(1, others).addmm(w.narrow(1, start, size), solvedOthers, beta: 1, alpha: -1);
        var nextInverse = inverse.index_select(0, others).index_select(1, others)
            .addmm(rows.index_select(1, others).t(), solvedOthers, beta: 1, alpha: -1);
        return (nextW, nextInverse);
    }
}
