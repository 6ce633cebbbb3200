using System.Globalization;

namespace ZipLM.Engine.Compression;

/// <summary>A plan as the way through its sublayers: plans that begin alike have the same outputs as far as they do.</summary>
internal sealed class PlanPath
{
    private readonly string[] _prefixes;

    public PlanPath(IReadOnlyList<LayerShape> shapes)
    {
        Shapes = shapes;
        var levels = shapes.SelectMany(shape => new[] { shape.Heads, shape.Width }).Select(level => level.ToString(CultureInfo.InvariantCulture)).ToList();
        _prefixes = [.. Enumerable.Range(0, levels.Count + 1).Select(count => string.Join(' ', levels.Take(count)))];
    }

    public IReadOnlyList<LayerShape> Shapes { get; }

    /// <summary>How many sublayers there are.</summary>
    public int Sublayers => _prefixes.Length - 1;

    /// <summary>What is the same for plans whose first sublayers are; of all of them it is the plan itself.</summary>
    public string Prefix(int sublayers) => _prefixes[sublayers];

    /// <summary>The whole plan's.</summary>
    public string Key => _prefixes[^1];

    /// <summary>From "no sublayer" to all of them.</summary>
    public IReadOnlyList<string> Prefixes => _prefixes;

    /// <summary>What is left in a sublayer: heads or columns.</summary>
    public int Level(int sublayer) => Shapes[sublayer / 2].Level(Kind(sublayer));

    /// <summary>Attention and feed-forward in turns.</summary>
    public static Sublayer Kind(int sublayer) => sublayer % 2 == 0 ? Sublayer.Attention : Sublayer.FeedForward;
}
