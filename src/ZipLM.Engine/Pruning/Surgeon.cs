using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>
/// Which structure goes next (ZipLM, arXiv 2302.04089, eq. 2–4): removes structures one at a time from an output
/// matrix W, lets the others take over their work, and so passes through every level from dense to empty.
/// </summary>
internal static class Surgeon
{
    /// <summary>Each failed factorisation raises the damping by this factor.</summary>
    private const double DampingStep = 10;

    private const double LargestDamping = 1e3;

    /// <summary>
    /// A column of which the others explain all but this share counts as explained whole: H is then singular but for
    /// rounding, and its inverse would be noise. A damping of 1e-6 keeps any matrix of up to 10,000 columns above it.
    /// </summary>
    private const double SmallestPivot = 1e-10;

    /// <summary>Removes every structure of W, cheapest first.</summary>
    /// <param name="weight">W, [rows, columns], any precision.</param>
    /// <param name="hessian">H without damping, double [columns, columns].</param>
    /// <param name="structureSize">Neighbouring columns that go together: the head size, or 1.</param>
    /// <param name="damping">λ as a share of the mean diagonal of H, ≥ 0.</param>
    /// <param name="where">Names the output matrix in messages.</param>
    /// <param name="reporter">Told when the damping had to be raised.</param>
    /// <exception cref="ZipLMException">H cannot be factorised even with a large damping.</exception>
    public static Removal Remove(
        Tensor weight, Tensor hessian, int structureSize, double damping, string where, IReporter reporter, CancellationToken cancellationToken)
    {
        Removal? removal = null;
        Raise(damping, where, reporter, current => (removal = TryRemove(weight.to(float64), hessian, structureSize, current, cancellationToken)) is not null);
        return removal!;
    }

    /// <summary>The damping with which H can be inverted: the one asked for, else the smallest tried that suffices.</summary>
    /// <exception cref="ZipLMException">H cannot be factorised even with a large damping.</exception>
    public static double SufficientDamping(Tensor hessian, double damping, string where, IReporter reporter) =>
        Raise(damping, where, reporter, current => Factor(Damped(hessian, current)) is not null);

    /// <summary>Raises the damping until the attempt succeeds, and says so.</summary>
    private static double Raise(double damping, string where, IReporter reporter, Func<double, bool> attempt)
    {
        for (var current = damping; ; current = Math.Max(current * DampingStep, 1e-6))
        {
            using var scope = NewDisposeScope();
            using var gradients = no_grad();
            if (attempt(current))
            {
                if (current > damping)
                {
                    reporter.Warning($"The statistics of the {where} are singular with a damping of {damping:G3}; {current:G3} was used. More varied calibration data helps.");
                }

                return current;
            }

            if (current > LargestDamping)
            {
                throw new ZipLMException("SurgeonSingular", ErrorKind.InvalidData,
                    $"The statistics of the {where} cannot be inverted, even with a damping of {current:G3}.",
                    "Use more, and more varied, calibration data.");
            }
        }
    }

    /// <summary>
    /// The weights of any set of kept structures, straight from the dense W: the least-squares solution
    /// W_K = W·H_:,K·(H_KK)⁻¹, which one-at-a-time removal arrives at too.
    /// </summary>
    /// <returns>[rows, kept × structure size], double; the caller owns it.</returns>
    public static Tensor Rebuild(Tensor weight, Tensor hessian, int structureSize, double damping, IReadOnlyList<int> kept)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        var h = Damped(hessian, damping);
        var columns = Columns(kept, structureSize, h.device);
        var h_K = h.index_select(1, columns);
        var factor = linalg.cholesky(h_K.index_select(0, columns));
        var rightSide = weight.to(float64).matmul(h_K);
        return cholesky_solve(rightSide.t(), factor, upper: false).t().contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>H + λI with λ = damping × mean diagonal of H.</summary>
    private static Tensor Damped(Tensor hessian, double damping) =>
        hessian + (eye(hessian.shape[0], dtype: float64, device: hessian.device) * Lambda(hessian, damping));

    private static double Lambda(Tensor hessian, double damping)
    {
        // A matrix of zeros (inputs that never fire) has a mean diagonal of 0; any λ then gives the same order.
        var mean = hessian.diagonal().mean().item<double>();
        return damping * (mean > 0 ? mean : 1);
    }

    /// <summary>The Cholesky factor of a damped H; null when H is singular or nearly so.</summary>
    private static Tensor? Factor(Tensor h)
    {
        var (factor, info) = linalg.cholesky_ex(h);
        return info.item<int>() == 0 && (factor.diagonal().square() / h.diagonal()).min().item<double>() >= SmallestPivot ? factor : null;
    }

    private static Removal? TryRemove(Tensor dense, Tensor hessian, int size, double damping, CancellationToken cancellationToken)
    {
        var h = Damped(hessian, damping);
        if (Factor(h) is not { } factor)
        {
            return null;
        }

        var count = (int)(h.shape[0] / size);
        var lambda = Lambda(hessian, damping);
        var total = (dense.matmul(hessian) * dense).sum().item<double>();
        var scale = total > 0 ? 1 / total : 0;

        var w = dense.clone();
        var inverse = cholesky_inverse(factor);
        var alive = Enumerable.Range(0, count).ToList();
        var order = new List<int>(count);
        var priors = new List<double>(count + 1) { 0 };
        double[]? saliencies = null;
        var cost = 0.0;
        var removedNorm = 0.0;
        while (alive.Count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var step = NewDisposeScope();
            if (Scores(w, inverse, alive.Count, size) is not { } scores)
            {
                return null;
            }

            saliencies ??= [.. scores.Select(s => s * scale)];
            var next = Array.IndexOf(scores, scores.Min());
            cost += scores[next];
            removedNorm += StructureNorm(dense, alive[next], size);
            order.Add(alive[next]);
            alive.RemoveAt(next);
            if (alive.Count == 0)
            {
                break;
            }

            // The larger matrices go at once: kept until the end they would take as many times their memory as there are steps.
            using var largerW = w;
            using var largerInverse = inverse;
            (w, inverse) = Without(w, inverse, next, size);
            w.MoveToOuterDisposeScope();
            inverse.MoveToOuterDisposeScope();

            // p = (Σ removed scores − λ‖Ŵ − W‖²) / tr(W H Wᵀ) with the undamped H.
            var keptDense = dense.index_select(1, Columns(alive, size, dense.device));
            var distance = (w - keptDense).square().sum().item<double>() + removedNorm;
            priors.Add(Math.Max(0, (cost - (lambda * distance)) * scale));
        }

        // Dropped: the output is zero, the bias goes too.
        priors.Add(1);
        return new(order, saliencies ?? [], priors, damping);
    }

    /// <summary>score(S) = Σ_rows w_S · ((H⁻¹)_SS)⁻¹ · w_Sᵀ of every structure that is left; null when a block is not positive definite.</summary>
    internal static double[]? Scores(Tensor w, Tensor inverse, int count, int size)
    {
        if (size == 1)
        {
            var diagonal = inverse.diagonal();
            return diagonal.min().item<double>() > 0
                ? (w.square().sum(new long[] { 0 }) / diagonal).cpu().data<double>().ToArray()
                : null;
        }

        var blocks = inverse.view(count, size, count, size).diagonal(0, 0, 2).permute(2, 0, 1);
        var (factors, info) = linalg.cholesky_ex(blocks);
        if (info.count_nonzero().item<long>() != 0)
        {
            return null;
        }

        var w_S = w.view(w.shape[0], count, size).permute(1, 2, 0);
        return linalg.solve_triangular(factors, w_S, upper: false).square().sum(new long[] { 1, 2 }).cpu().data<double>().ToArray();
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
        var others = Others(start, size, inverse.shape[0], inverse.device);
        var solvedOthers = solved.index_select(1, others);
        var nextW = w.index_select(1, others).addmm(w.narrow(1, start, size), solvedOthers, beta: 1, alpha: -1);
        var nextInverse = inverse.index_select(0, others).index_select(1, others)
            .addmm(rows.index_select(1, others).t(), solvedOthers, beta: 1, alpha: -1);
        return (nextW, nextInverse);
    }

    private static double StructureNorm(Tensor dense, int structure, int size) =>
        dense.narrow(1, (long)structure * size, size).square().sum().item<double>();

    private static Tensor Columns(IReadOnlyList<int> structures, int size, Device device) =>
        tensor(structures.SelectMany(s => Enumerable.Range(s * size, size)).Select(i => (long)i).ToArray(), device: device);

    private static Tensor Others(long start, int size, long count, Device device) =>
        cat([arange(0, start, int64, device), arange(start + size, count, int64, device)]);
}
