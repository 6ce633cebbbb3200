namespace ZipLM.Engine.Pruning;

/// <summary>Whether saliency rows name each structure of a model once, in each sublayer in one order.</summary>
internal static class CompleteRows
{
    /// <param name="rows">Rows of one ranking.</param>
    /// <param name="layers">The model as it is.</param>
    /// <exception cref="ZipLMException"><c>SaliencyIncomplete</c>.</exception>
    public static void Require(IReadOnlyList<StructureSaliency> rows, IReadOnlyList<LayerShape> layers)
    {
        var groups = rows.ToLookup(r => (r.Layer, r.Sublayer));
        var counts = layers.SelectMany(l => new[] { ((l.Layer, Sublayer.Attention), l.Heads), ((l.Layer, Sublayer.FeedForward), l.Width) })
            .ToDictionary(s => s.Item1, s => s.Item2);
        if (groups.FirstOrDefault(g => counts.GetValueOrDefault(g.Key) == 0) is { Key: var (unknown, kind) })
        {
            throw new ZipLMException("SaliencyIncomplete", ErrorKind.InvalidArgument,
                $"There are saliency rows of layer {unknown}, {kind}, which the model does not have.",
                "Pass the rows that Get-StructureSaliency gives for this model, and no others.", rows);
        }

        foreach (var ((layer, sublayer), count) in counts)
        {
            var all = Enumerable.Range(0, count).ToList();
            if (!groups[(layer, sublayer)].Select(r => r.Order - 1).Order().SequenceEqual(all) || !groups[(layer, sublayer)].Select(r => r.Index).Order().SequenceEqual(all))
            {
                throw new ZipLMException("SaliencyIncomplete", ErrorKind.InvalidArgument,
                    $"The saliency rows of layer {layer}, {sublayer}, do not name each of its {count} structures once.",
                    "Pass all rows that Get-StructureSaliency gives for this model.", rows);
            }
        }
    }
}
