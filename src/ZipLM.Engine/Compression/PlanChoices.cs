using ZipLM.Engine.Pruning;
using ZipLM.Engine.Search;

namespace ZipLM.Engine.Compression;

/// <summary>
/// What the search may choose from: the levels of each sublayer with their measured times and what they cost, which is the
/// root of the prior p: the relative error ‖ŴX − WX‖ / ‖WX‖ and not its square. By p the first half of the columns of every
/// sublayer costs next to nothing, so that plans thin out all of them alike; but a loss stops growing with the square where
/// errors are large, and dropping some sublayers whole leaves the better model. On the quickstart's teacher at 2×, over five
/// seeds, plans by the root had the loss 0.669 and plans by p 0.675, for three fifths of the forward tokens.
/// </summary>
internal sealed class PlanChoices
{
    private readonly IReadOnlyList<LayerShape> _layers;
    private readonly LatencyTable _table;
    private readonly List<IReadOnlyList<SublayerLevel>> _levels = [];

    public PlanChoices(IReadOnlyList<LayerShape> layers, PruningStore store, LatencyTable table)
    {
        _layers = layers;
        _table = table;
        foreach (var layer in layers)
        {
            _levels.Add(Levels(layer, Sublayer.Attention, store));
            _levels.Add(Levels(layer, Sublayer.FeedForward, store));
        }
    }

    /// <summary>Time of the fastest plan there is, in ms.</summary>
    public double FastestMilliseconds => _table.RestMilliseconds + _levels.Sum(l => l.Min(c => c.Milliseconds));

    /// <summary>How many sublayers there are to choose for.</summary>
    public int Sublayers => _levels.Count;

    /// <summary>The levels with the least Σ c·cost within a time budget, or null when none are fast enough.</summary>
    /// <param name="budgetMilliseconds">Time of the whole model, in ms.</param>
    /// <param name="coefficients">c of each sublayer; null = all weigh alike.</param>
    /// <returns>Which of its levels each sublayer has.</returns>
    public IReadOnlyList<int>? Solve(double budgetMilliseconds, IReadOnlyList<double>? coefficients = null) => LevelSearch.Solve(
        coefficients is null ? _levels : [.. _levels.Select((levels, s) => levels.Select(l => l with { Cost = coefficients[s] * l.Cost }).ToList())],
        budgetMilliseconds - _table.RestMilliseconds);

    /// <summary>The choice that takes nothing away.</summary>
    public IReadOnlyList<int> Whole => [.. _levels.Select(levels => Enumerable.Range(0, levels.Count).MaxBy(i => levels[i].Level))];

    /// <summary>What a sublayer costs at one of its levels: from 0, whole, to 1, dropped.</summary>
    public double Cost(int sublayer, int level) => _levels[sublayer][level].Cost;

    /// <summary>The level of a sublayer whose cost is nearest to one, another than that of a choice; null where there is no other.</summary>
    public int? Other(int sublayer, int level, double cost) => Enumerable.Range(0, _levels[sublayer].Count).Where(i => Cost(sublayer, i) != Cost(sublayer, level))
        .OrderBy(i => Math.Abs(Cost(sublayer, i) - cost)).Select(i => (int?)i).FirstOrDefault();

    /// <summary>The shapes of a choice of levels.</summary>
    public IReadOnlyList<LayerShape> Shapes(IReadOnlyList<int> chosen) =>
        [.. _layers.Select((l, i) => new LayerShape(l.Layer, _levels[2 * i][chosen[2 * i]].Level, _levels[(2 * i) + 1][chosen[(2 * i) + 1]].Level))];

    /// <summary>The plan of a choice of levels.</summary>
    public Plan Plan(IReadOnlyList<int> chosen, double budgetMilliseconds)
    {
        var shapes = Shapes(chosen);
        return new(shapes, _table.Predict(shapes), budgetMilliseconds, chosen.Select((level, s) => Prior(_levels[s][level].Cost)).Sum());
    }

    /// <summary>Levels up to what is left; a level whose prior exceeds 1 is worse than dropping and left out.</summary>
    private List<SublayerLevel> Levels(LayerShape layer, Sublayer sublayer, PruningStore store)
    {
        var full = layer.Level(sublayer);
        if (full == 0)
        {
            return [new(0, _table.Milliseconds(sublayer, 0), 0)];
        }

        var removal = store[layer.Layer, sublayer].Removal;
        return [.. _table.LevelsOf(sublayer)
            .Where(level => level <= full && removal.Prior(level) <= 1)
            .Select(level => new SublayerLevel(level, _table.Milliseconds(sublayer, level), CostOf(removal.Prior(level))))];
    }

    /// <summary>The root, with the prior's sign: rows of Get-StructureSaliency may have been given any.</summary>
    private static double CostOf(double prior) => Math.CopySign(Math.Sqrt(Math.Abs(prior)), prior);

    private static double Prior(double cost) => Math.CopySign(cost * cost, cost);
}
