namespace ZipLM.Engine.Pruning;

/// <summary>What one pass of the surgeon from dense to empty found.</summary>
/// <param name="Order">Structures in the order of their removal.</param>
/// <param name="Saliencies">The criterion's score of each structure while all are there, by index; ZipLM's is the cost of removing it first, as a share of tr(W H Wᵀ).</param>
/// <param name="Priors">Relative output error once the first k structures are gone, k = 0 … all: 0 when dense, 1 when dropped.</param>
/// <param name="Damping">Damping that the factorisation needed, as a share of the mean diagonal of H.</param>
/// <param name="Condition">Condition number ‖H‖₁·‖H⁻¹‖₁ of the damped H: how many times the statistics' relative error may grow in the weights; null where H was not inverted.</param>
/// <param name="Repair">True when the columns that are left take over the work of those that went; false when they stay as in W.</param>
internal sealed record Removal(
    IReadOnlyList<int> Order,
    IReadOnlyList<double> Saliencies,
    IReadOnlyList<double> Priors,
    double Damping,
    double? Condition,
    bool Repair = true)
{
    /// <summary>Structures that are left at a level, rising.</summary>
    public IReadOnlyList<int> Kept(int level) => [.. Order.Skip(Order.Count - level).Order()];

    /// <summary>The prior of a level.</summary>
    public double Prior(int level) => Priors[Order.Count - level];
}
