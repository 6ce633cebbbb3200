using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>
/// The weights of every level up to a given one, from one Cholesky factor. Let π name what is left at that level, what goes
/// last first, and H be damped. With H_ππ = L·Lᵀ and Z = L⁻¹·H_π,:·Wᵀ the least-squares solution W_K = W·H_:,K·(H_KK)⁻¹ on
/// the first k columns K of π is
/// <code>
/// W_Kᵀ = L_k⁻ᵀ·Z_k
/// </code>
/// with the leading blocks of L and Z; ‖row i of Z‖² is what the surgeon pays for column i when those before it are left.
/// </summary>
internal static class LevelFactor
{
    /// <summary>L above Zᵀ, double [columns + rows, columns]; the caller owns it.</summary>
    /// <param name="weight">W, [rows, all columns], any precision.</param>
    /// <param name="hessian">H without damping, double.</param>
    /// <param name="lambda">λ: what damping adds to the diagonal of H.</param>
    /// <param name="columns">π, int64.</param>
    public static Tensor Create(Tensor weight, Tensor hessian, double lambda, Tensor columns)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        var w = weight.to(float64);
        var h = hessian.index_select(1, columns);
        var square = h.index_select(0, columns);
        square.diagonal().Increase(lambda);
        var lower = linalg.cholesky(square);
        var right = w.matmul(h).Increase(w.index_select(1, columns), lambda);
        // X·Lᵀ = W·H_:,π, solved for X = Zᵀ.
        var z = linalg.solve_triangular(lower.t(), right, upper: true, left: false);
        return cat([lower, z]).MoveToOuterDisposeScope();
    }

    /// <summary>W_K of the first columns of π, in π's order, double [rows, columns]; the caller owns it.</summary>
    public static Tensor Solve(Tensor factor, long columns)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        var size = factor.shape[1];
        var lower = factor.narrow(0, 0, columns).narrow(1, 0, columns);
        var z = factor.narrow(0, size, factor.shape[0] - size).narrow(1, 0, columns);
        return linalg.solve_triangular(lower, z, upper: false, left: false).MoveToOuterDisposeScope();
    }
}
