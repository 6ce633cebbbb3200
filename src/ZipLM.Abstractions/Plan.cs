using System.Globalization;

namespace ZipLM;

/// <summary>One level per sublayer, found by the search, with what it is predicted to cost.</summary>
/// <param name="Layers">The level of both sublayers of every block.</param>
/// <param name="PredictedMilliseconds">T_rest + Σ T of the levels, from the latency table, in ms.</param>
/// <param name="BudgetMilliseconds">The time that the plan had to stay within, in ms.</param>
/// <param name="Prior">Σ of the priors of the levels, unweighted.</param>
public sealed record Plan(
    IReadOnlyList<LayerShape> Layers,
    double PredictedMilliseconds,
    double BudgetMilliseconds,
    double Prior)
{
    /// <summary>The level of both sublayers of every block.</summary>
    public IReadOnlyList<LayerShape> Layers { get; init => field = value.Indexable(); } = Layers.Indexable();

    /// <summary>Heads and width of each block, and the predicted time: <c>4/128 2/64: 1.234 ms</c></summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{string.Join(' ', Layers)}: {PredictedMilliseconds:0.###} ms");
}
