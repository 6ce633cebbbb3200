namespace ZipLM.Engine.Distillation;

/// <summary>What a run is of: from the same start with the same options the same weights come out. Names and values for people.</summary>
internal sealed record RunIdentity(IReadOnlyDictionary<string, string> Values)
{
    public const string Threads = "threads";
    public const string MicroBatchSize = "micro-batch size";
    public const string Device = "device";

    /// <summary>What makes another run, in words: "learning rate 0.001 instead of 0.002".</summary>
    public IReadOnlyList<string> Differences(IReadOnlyDictionary<string, string> stored) => Different(stored, isRounding: false);

    /// <summary>
    /// What changes the order in which numbers are added up and the memory that it takes, but not what is learnt: a machine of
    /// other processors, or one whose memory was too short, goes on with what it has.
    /// </summary>
    public IReadOnlyList<string> Roundings(IReadOnlyDictionary<string, string> stored) => Different(stored, isRounding: true);

    private IReadOnlyList<string> Different(IReadOnlyDictionary<string, string> stored, bool isRounding) =>
    [
        .. Values.Keys.Union(stored.Keys, StringComparer.Ordinal)
            .Where(k => (k is Threads or MicroBatchSize) == isRounding && Values.GetValueOrDefault(k) != stored.GetValueOrDefault(k))
            .Select(k => $"{k} {Short(stored.GetValueOrDefault(k))} instead of {Short(Values.GetValueOrDefault(k))}"),
    ];

    private static string Short(string? value) => value is null ? "unknown" : value.Length > 40 ? value[..12] + "…" : value;
}
