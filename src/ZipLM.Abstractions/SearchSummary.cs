namespace ZipLM;

/// <summary>What the search for a plan did, and how the loss fell.</summary>
/// <param name="Trials">Sets of coefficients that were tried.</param>
/// <param name="Evaluated">Different plans whose loss was taken, on some rows at least; the other trials gave plans that were known.</param>
/// <param name="StoppedEarly">Plans that were given up before all rows, because they had lost.</param>
/// <param name="ForwardTokens">Tokens that went through the model: each counts as the share of the sublayers that were executed for it.</param>
/// <param name="Coefficients">How the cost of each sublayer, the root of its prior, was weighed in the end: attention and feed-forward of the first block, of the second, ….</param>
/// <param name="Curve">The loss of each plan that was the best so far, falling.</param>
public sealed record SearchSummary(
    int Trials,
    int Evaluated,
    int StoppedEarly,
    double ForwardTokens,
    IReadOnlyList<double> Coefficients,
    IReadOnlyList<SearchStep> Curve)
{
    /// <summary>How the cost of each sublayer was weighed in the end: attention and feed-forward of the first block, of the second, ….</summary>
    public IReadOnlyList<double> Coefficients { get; init => field = value.Indexable(); } = Coefficients.Indexable();

    /// <summary>The loss of each plan that was the best so far, falling.</summary>
    public IReadOnlyList<SearchStep> Curve { get; init => field = value.Indexable(); } = Curve.Indexable();
}
