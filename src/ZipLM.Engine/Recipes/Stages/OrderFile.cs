using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>Rows of one ranking of Get-StructureSaliency as a file; numbers come back to the last bit.</summary>
internal static class OrderFile
{
    /// <param name="pruning">How they were ranked: a model with nothing left has no row to tell it.</param>
    public static void Write(string path, IReadOnlyList<StructureSaliency> rows, RecipePruning pruning) => JsonFile.Write(path, new()
    {
        ["criterion"] = pruning.Criterion.ToString(),
        ["repair"] = pruning.Repair,
        ["damping"] = pruning.Damping,
        ["sublayers"] = StageJson.Of(rows.GroupBy(r => (r.Layer, r.Sublayer)).Select(g =>
        {
            var ordered = g.OrderBy(r => r.Order).ToList();
            return new SublayerOrder(
                g.Key.Layer, g.Key.Sublayer, ordered[0].Damping,
                [.. ordered.Select(r => r.Index)], [.. ordered.Select(r => r.Saliency)], [.. ordered.Select(r => r.PriorAfter)], [.. ordered.Select(r => r.Rank)], ordered[0].Condition);
        }).ToList()),
    });

    public static IReadOnlyList<StructureSaliency> Read(string path, Model model)
    {
        var file = JsonFile.Read(path);
        var (criterion, repair, damping) = (StageJson.To<PruningCriterion>(file["criterion"], path), StageJson.To<bool>(file["repair"], path), StageJson.To<double>(file["damping"], path));
        return [.. StageJson.To<List<SublayerOrder>>(file["sublayers"], path).SelectMany(s => s.Index.Select((index, i) => new StructureSaliency
        {
            Model = model,
            Layer = s.Layer,
            Sublayer = s.Sublayer,
            Index = index,
            Criterion = criterion,
            Repair = repair,
            Saliency = s.Saliency[i],
            Order = i + 1,
            PriorAfter = s.Prior[i],
            Rank = s.Rank[i],
            RequestedDamping = damping,
            Damping = s.Damping,
            Condition = s.Condition,
        }))];
    }

    /// <summary>One sublayer; lists in the order of removal.</summary>
    private sealed record SublayerOrder(
        int Layer, Sublayer Sublayer, double Damping,
        IReadOnlyList<int> Index, IReadOnlyList<double> Saliency, IReadOnlyList<double> Prior, IReadOnlyList<int> Rank, double? Condition = null);
}
