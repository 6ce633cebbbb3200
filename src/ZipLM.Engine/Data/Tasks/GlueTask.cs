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
        new("cola", "sentence", null, ["unacceptable", "acceptable"], ["matthews"]) { HeaderlessColumns = ["source", "label", "star", "sentence"] },
        new("sst2", "sentence", null, ["negative", "positive"], ["accuracy"]),
        new("mrpc", "sentence1", "sentence2", ["not_equivalent", "equivalent"], ["f1", "accuracy"]) { OriginalColumns = ["#1 String", "#2 String", "Quality"] },
        new("qqp", "question1", "question2", ["not_duplicate", "duplicate"], ["f1", "accuracy"]) { OriginalColumns = ["question1", "question2", "is_duplicate"] },
        new("stsb", "sentence1", "sentence2", [], ["pearson", "spearman"]) { OriginalColumns = ["sentence1", "sentence2", "score"] },
        new("mnli", "premise", "hypothesis", ["entailment", "neutral", "contradiction"], ["accuracy"]) { OriginalColumns = ["sentence1", "sentence2", "gold_label"] },
        new("qnli", "question", "sentence", Entailment, ["accuracy"]),
        new("rte", "sentence1", "sentence2", Entailment, ["accuracy"]),
        new("wnli", "sentence1", "sentence2", ["not_entailment", "entailment"], ["accuracy"]),
    ];

    /// <summary>Text, second text and label in the files of GLUE itself, where they are not called as on the hub.</summary>
    public IReadOnlyList<string> OriginalColumns { get; private init; } = [];

    /// <summary>The columns of those files of GLUE itself that don't name them in their first line; none where they do.</summary>
    public IReadOnlyList<string> HeaderlessColumns { get; private init; } = [];

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

    /// <summary>Whether a file's first line names its columns; where it doesn't, it is a row.</summary>
    public bool IsHeader(IReadOnlyList<string> first) => first.Count != HeaderlessColumns.Count || first.Contains(TextColumn);

    /// <summary>Fills in the columns that the user left open, as the hub names them or GLUE's own files do.</summary>
    /// <exception cref="ZipLMException">The file has neither.</exception>
    public DatasetReference Complete(DatasetReference reference, IReadOnlyCollection<string> columns)
    {
        // A test set may have no labels.
        var names = OriginalColumns.Count > 0 && !columns.Contains(LabelColumn) && OriginalColumns.Take(2).All(columns.Contains) ? OriginalColumns : [TextColumn, TextPairColumn!, LabelColumn];
        var completed = reference with
        {
            TextColumn = reference.TextColumn ?? names[0],
            TextPairColumn = reference.TextPairColumn ?? (TextPairColumn is null ? null : names[1]),
            LabelColumn = reference.LabelColumn ?? (columns.Contains(names[2]) ? names[2] : null),
            Task = Name,
        };
        foreach (var column in new[] { completed.TextColumn, completed.TextPairColumn })
        {
            if (column is not null && !columns.Contains(column))
            {
                throw DatasetErrors.ColumnMissing(reference.Path, $"column '{column}', which {Name} has", columns);
            }
        }

        return completed;
    }
}
