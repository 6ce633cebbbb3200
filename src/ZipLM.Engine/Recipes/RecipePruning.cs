namespace ZipLM.Engine.Recipes;

/// <summary>How structures are ordered and plans are found.</summary>
/// <param name="Criterion">By which score structures go.</param>
/// <param name="Repair">Whether those that are left take over the work of those that go.</param>
/// <param name="Damping">λ as a share of the mean diagonal of H.</param>
/// <param name="Samples">Rows that statistics are taken from.</param>
/// <param name="Rounds">Paired rounds behind the speedup of a plan; null = at least 60, and until it is known within 1 %.</param>
/// <param name="Correct">Whether a plan whose measured speedup misses its target is replaced.</param>
/// <param name="SearchTrials">Sets of coefficients that the search tries for each target.</param>
internal sealed record RecipePruning(PruningCriterion Criterion, bool Repair, double Damping, int Samples, int? Rounds, bool Correct, int SearchTrials);
