namespace ZipLM.Engine.Data;

/// <summary>What GLUE publishes of one of its tasks.</summary>
/// <param name="Name">The name of its configuration on the hub.</param>
/// <param name="TextColumn">Column of the text.</param>
/// <param name="TextPairColumn">Column of the second text, or null.</param>
/// <param name="Labels">Names of the classes by index; none for a regression.</param>
/// <param name="Metrics">The task's metrics, the one to compare by first.</param>
internal sealed record GlueTask(string Name, string TextColumn, string? TextPairColumn, IReadOnlyList<string> Labels, IReadOnlyList<string> Metrics)
{
    /// <summary>Column of the label; in every task the same.</summary>
    public const string LabelColumn = "label";

    private static readonly string[] Entailment = ["entailment", "not_entailment"];

    /// <summary>The nine tasks.</summary>
    public static IReadOnlyList<GlueTask> All { get; } =
    [
        new("cola", "sentence", null, ["unacceptable", "acceptable"], ["matthews"]),
        new("sst2", "sentence", null, ["negative", "positive"], ["accuracy"]),
        new("mrpc", "sentence1", "sentence2", ["not_equivalent", "equivalent"], ["f1", "accuracy"]),
        new("qqp", "question1", "question2", ["not_duplicate", "duplicate"], ["f1", "accuracy"]),
        new("stsb", "sentence1", "sentence2", [], ["pearson", "spearman"]),
        new("mnli", "premise", "hypothesis", ["entailment", "neutral", "contradiction"], ["accuracy"]),
        new("qnli", "question", "sentence", Entailment, ["accuracy"]),
        new("rte", "sentence1", "sentence2", Entailment, ["accuracy"]),
        new("wnli", "sentence1", "sentence2", ["not_entailment", "entailment"], ["accuracy"]),
    ];

    /// <summary>A task by its name, whatever case and dashes it is written in (SST-2, sst2).</summary>
    /// <exception cref="ZipLMException">There is no such task.</exception>
    public static GlueTask Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var plain = name.Replace("-", "", StringComparison.Ordinal);
        return All.FirstOrDefault(task => task.Name.Equals(plain, StringComparison.OrdinalIgnoreCase)) ?? throw new ZipLMException(
            "GlueTaskUnknown", ErrorKind.InvalidArgument, $"GLUE has no task '{name}'.",
            $"Give one of: {string.Join(", ", All.Select(task => task.Name))}.", name);
    }
}
