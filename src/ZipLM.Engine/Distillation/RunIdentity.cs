namespace ZipLM.Engine.Distillation;

/// <summary>What a run is of: from the same start with the same options the same weights come out. Names and values for people.</summary>
internal sealed record RunIdentity(IReadOnlyDictionary<string, string> Values)
{
    /// <summary>What is not the same, in words: "learning rate 0.001 instead of 0.002".</summary>
    public IReadOnlyList<string> Differences(IReadOnlyDictionary<string, string> stored) =>
    [
        .. Values.Keys.Union(stored.Keys, StringComparer.Ordinal)
            .Where(k => Values.GetValueOrDefault(k) != stored.GetValueOrDefault(k))
            .Select(k => $"{k} {Short(stored.GetValueOrDefault(k))} instead of {Short(Values.GetValueOrDefault(k))}"),
    ];

    private static string Short(string? value) => value is null ? "unknown" : value.Length > 40 ? value[..12] + "…" : value;
}
