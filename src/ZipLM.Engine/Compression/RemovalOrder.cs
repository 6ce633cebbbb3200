namespace ZipLM.Engine.Compression;

/// <summary>One way in which the structures of a model go: found by a criterion, or as rows have it.</summary>
/// <param name="Criterion">By which score they go.</param>
/// <param name="Repair">Whether those that are left take over the work of those that go.</param>
/// <param name="Damping">Damping that is asked for.</param>
/// <param name="Rows">All rows of one ranking by Get-StructureSaliency; null = the order is yet to be found.</param>
internal sealed record RemovalOrder(PruningCriterion Criterion, bool Repair, double Damping, IReadOnlyList<StructureSaliency>? Rows = null)
{
    /// <summary>The orders that options ask for: one for each damping, or one for each ranking that the rows hold.</summary>
    /// <exception cref="ZipLMException">The rows were ranked in another way than the options ask for.</exception>
    public static IReadOnlyList<RemovalOrder> Of(PruningOptions options)
    {
        // A model with nothing left has no rows; for any other that they are missing is found when they are looked for.
        if (options.Saliency is not { Count: > 0 } rows)
        {
            return [.. (options.Dampings ?? [1e-2]).Select(d => new RemovalOrder(options.Criterion ?? PruningCriterion.ZipLM, options.Repair ?? true, d, options.Saliency))];
        }

        var orders = rows.GroupBy(r => (r.Criterion, r.Repair, r.RequestedDamping))
            .Select(g => new RemovalOrder(g.Key.Criterion, g.Key.Repair, g.Key.RequestedDamping, [.. g])).ToList();
        foreach (var order in orders)
        {
            Require(options.Criterion is null || options.Criterion == order.Criterion, "-Criterion", order.Criterion, options.Criterion);
            Require(options.Repair is null || options.Repair == order.Repair, "-NoRepair", order.Repair ? "repair" : "no repair", options.Repair);
            Require(options.Dampings?.Contains(order.Damping) ?? true, "-Damping", order.Damping, options.Dampings);
        }

        return orders;
    }

    /// <summary>What tells this order from the others, for a model's name: <c>-damping0.1</c>; empty where there is no other.</summary>
    public string Suffix(IReadOnlyCollection<RemovalOrder> all) =>
        Part(o => o.Criterion, $"-{Criterion}".ToLowerInvariant(), all)
        + Part(o => o.Repair, Repair ? "" : "-norepair", all)
        + Part(o => o.Damping, FormattableString.Invariant($"-damping{Damping}"), all);

    private static string Part<T>(Func<RemovalOrder, T> what, string text, IReadOnlyCollection<RemovalOrder> all) =>
        all.Select(what).Distinct().Count() > 1 ? text : "";

    private static void Require(bool agrees, string parameter, object ranked, object? asked)
    {
        if (!agrees)
        {
            throw new ZipLMException("SaliencyConflict", ErrorKind.InvalidArgument,
                FormattableString.Invariant($"The saliency rows were ranked with {ranked}, but {parameter} asks for something else."),
                $"Leave {parameter} out, or give it to Get-StructureSaliency.", asked);
        }
    }
}
