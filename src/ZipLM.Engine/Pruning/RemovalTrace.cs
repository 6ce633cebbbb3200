namespace ZipLM.Engine.Pruning;

/// <summary>What one-at-a-time removal met on its way from dense to empty, in the units of tr(W H Wᵀ).</summary>
/// <param name="Order">Structures in the order of their removal.</param>
/// <param name="FirstScores">score(S) of each structure while all are there, by index.</param>
/// <param name="Costs">Σ scores of the first k structures removed: the error with damping, k = 1 … all − 1.</param>
/// <param name="Distances">‖Ŵ − W‖² once the first k structures are gone, k = 1 … all − 1.</param>
internal sealed record RemovalTrace(
    IReadOnlyList<int> Order, IReadOnlyList<double> FirstScores, IReadOnlyList<double> Costs, IReadOnlyList<double> Distances);
