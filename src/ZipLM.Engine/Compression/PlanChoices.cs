using ZipLM.Engine.Pruning;
using ZipLM.Engine.Search;

namespace ZipLM.Engine.Compression;

/// <summary>What the search may choose from: the levels of each sublayer with their measured times and priors.</summary>
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

    /// <summary>The plan with the least Σ prior within a time budget, or null when none is fast enough.</summary>
    /// <param name="budgetMilliseconds">Time of the whole model, in ms.</param>
    public Plan? Solve(double budgetMilliseconds)
    {
        if (LevelSearch.Solve(_levels, budgetMilliseconds - _table.RestMilliseconds) is not { } chosen)
        {
            return null;
        }

        var picked = chosen.Select((level, s) => _levels[s][level]).ToList();
        List<LayerShape> shapes = [.. _layers.Select((l, i) => new LayerShape(l.Layer, picked[2 * i].Level, picked[(2 * i) + 1].Level))];
        return new(shapes, _table.Predict(shapes), budgetMilliseconds, picked.Sum(p => p.Cost));
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
            .Select(level => new SublayerLevel(level, _table.Milliseconds(sublayer, level), removal.Prior(level)))];
    }
}
