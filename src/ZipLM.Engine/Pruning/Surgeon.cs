using ZipLM.Engine.Runtime;
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

    /// <summary>Removes every structure of W, cheapest first or by the scores of another criterion.</summary>
    /// <param name="weight">W, [rows, columns], any precision.</param>
    /// <param name="hessian">H without damping, double [columns, columns].</param>
    /// <param name="structureSize">Neighbouring columns that go together: the head size, or 1.</param>
    /// <param name="damping">λ as a share of the mean diagonal of H, ≥ 0.</param>
    /// <param name="where">Names the output matrix in messages.</param>
    /// <param name="reporter">Told when the damping had to be raised.</param>
    /// <param name="scores">Another criterion's score of each structure, the lowest goes first and of equals the one of lower index; null = the surgeon's own.</param>
    /// <param name="repair">False = the columns that are left stay as they are. The surgeon's own order is the one that it finds with repair.</param>
    /// <exception cref="ZipLMException">H cannot be factorised even with a large damping.</exception>
    public static Removal Remove(
        Tensor weight, Tensor hessian, int structureSize, double damping, string where, IReporter reporter, CancellationToken cancellationToken,
        double[]? scores = null, bool repair = true)
    {
        int[]? forced = scores is null ? null : [.. Enumerable.Range(0, scores.Length).OrderBy(i => scores[i])];
        if (forced is not null && !repair)
        {
            // Nothing has to be inverted.
            return new(forced, scores!, PriorsWithoutRepair(weight, hessian, structureSize, forced), damping, null, Repair: false);
        }

        Removal? removal = null;
        Raise(damping, where, reporter, current => (removal = TryRemove(weight.to(float64), hessian, structureSize, current, forced, cancellationToken)) is not null);
        if (scores is not null)
        {
            return removal! with { Saliencies = scores };
        }

        return repair ? removal! : removal! with { Priors = PriorsWithoutRepair(weight, hessian, structureSize, removal!.Order), Repair = false };
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
    /// Priors when nothing takes over: p = tr(W_R·H·W_Rᵀ) / tr(W·H·Wᵀ) over the removed columns R. Of H∘(WᵀW) in the order of
    /// removal these are the sums of the leading blocks, so one product gives all of them.
    /// </summary>
    private static List<double> PriorsWithoutRepair(Tensor weight, Tensor hessian, int size, IReadOnlyList<int> order)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        var w = weight.to(float64);
        var columns = Columns(order, size, hessian.device);
        var energies = (w.t().matmul(w) * hessian).index_select(0, columns).index_select(1, columns);
        // A column brings its own energy and twice what it shares with those before it.
        var added = energies.diagonal().Plus(energies.tril(-1).sum(new long[] { 1 }).Times(2));
        var sums = added.cumsum(0).cpu().data<double>().ToArray();
        var scale = sums[^1] > 0 ? 1 / sums[^1] : 0;
        return [0, .. Enumerable.Range(1, order.Count - 1).Select(k => Math.Max(0, sums[(k * size) - 1] * scale)), 1];
    }

    /// <summary>H + λI with λ = damping × mean diagonal of H.</summary>
    private static Tensor Damped(Tensor hessian, double damping) =>
        hessian.Plus(eye(hessian.shape[0], dtype: float64, device: hessian.device).Times(Lambda(hessian, damping)));

    /// <summary>λ = damping × mean diagonal of H.</summary>
    internal static double Lambda(Tensor hessian, double damping)
    {
        // A matrix of zeros (inputs that never fire) has a mean diagonal of 0; any λ then gives the same order.
        var mean = hessian.diagonal().mean().item<double>();
        return damping * (mean > 0 ? mean : 1);
    }

    /// <summary>The Cholesky factor of a damped H; null when H is singular or nearly so.</summary>
    private static Tensor? Factor(Tensor h)
    {
        var (factor, info) = linalg.cholesky_ex(h);
        return info.item<int>() == 0 && (factor.diagonal().Squared() / h.diagonal()).min().item<double>() >= SmallestPivot ? factor : null;
    }

    private static Removal? TryRemove(
        Tensor dense, Tensor hessian, int size, double damping, IReadOnlyList<int>? forced, CancellationToken cancellationToken)
    {
        var h = Damped(hessian, damping);
        if (Factor(h) is not { } factor)
        {
            return null;
        }

        var inverse = cholesky_inverse(factor);
        factor.Dispose();
        // Both matrices are symmetric, so the largest sum over a row is the 1-norm.
        var condition = LargestRowSum(h) * LargestRowSum(inverse);
        h.Dispose();
        var trace = size == 1
            ? ColumnRemoval.Run(dense, inverse, cancellationToken, forced)
            : HeadRemoval.Run(dense, inverse, size, cancellationToken, forced);
        if (trace is null)
        {
            return null;
        }

        // p = (Σ removed scores − λ‖Ŵ − W‖²) / tr(W H Wᵀ) with the undamped H.
        var total = (dense.matmul(hessian) * dense).sum().item<double>();
        var scale = total > 0 ? 1 / total : 0;
        var lambda = Lambda(hessian, damping);
        var priors = trace.Costs.Zip(trace.Distances, (cost, distance) => Math.Max(0, (cost - (lambda * distance)) * scale));
        // Dense: no error. Dropped: the output is zero, the bias goes too.
        return new(trace.Order, [.. trace.FirstScores.Select(s => s * scale)], [0, .. priors, 1], damping, condition);
    }

    private static double LargestRowSum(Tensor matrix) => matrix.abs().sum(new long[] { 1 }).max().item<double>();

    /// <summary>The columns of structures, in their order, int64 [structures × size].</summary>
    internal static Tensor Columns(IReadOnlyList<int> structures, int size, Device device) =>
        tensor(structures.SelectMany(s => Enumerable.Range(s * size, size)).Select(i => (long)i).ToArray(), device: device);
}
