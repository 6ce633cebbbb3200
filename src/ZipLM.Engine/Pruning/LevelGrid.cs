namespace ZipLM.Engine.Pruning;

/// <summary>The levels that a sublayer may have, counted from its original size, so that the grid stays the same over a gradual run.</summary>
internal static class LevelGrid
{
    /// <summary>Every number of heads: all … 0.</summary>
    public static IReadOnlyList<int> Heads(int dense) => [.. Enumerable.Range(0, dense + 1).Reverse()];

    /// <summary>round(d·0.9^i) until below 1 %, then 0; equal widths once.</summary>
    public static IReadOnlyList<int> Widths(int dense)
    {
        var widths = new List<int>();
        for (var exact = (double)dense; exact >= 0.01 * dense; exact *= 0.9)
        {
            var width = (int)Math.Round(exact, MidpointRounding.AwayFromZero);
            if (width > 0 && (widths.Count == 0 || widths[^1] != width))
            {
                widths.Add(width);
            }
        }

        return [.. widths, 0];
    }

    public static IReadOnlyList<int> Of(Sublayer sublayer, int dense) =>
        sublayer == Sublayer.Attention ? Heads(dense) : Widths(dense);
}
