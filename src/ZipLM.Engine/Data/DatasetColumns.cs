namespace ZipLM.Engine.Data;

/// <summary>The column names that public data sets use, tried in order when the user names none.</summary>
internal static class DatasetColumns
{
    private static readonly string[] Texts = ["text", "sentence", "sentence1", "question", "question1", "premise"];
    private static readonly string[] Labels = ["label", "labels", "class"];

    private static readonly (string Text, string Pair)[] Pairs =
    [
        ("sentence1", "sentence2"), ("question1", "question2"), ("premise", "hypothesis"), ("question", "sentence"),
    ];

    private const string Question = "question";
    private const string Context = "context";
    private const string Answers = "answers";

    /// <summary>Fills in the columns that the user left open; a pair only where the text was left open too.</summary>
    /// <exception cref="ZipLMException">No column has a usual name for a text.</exception>
    public static DatasetReference Complete(DatasetReference reference, IReadOnlyCollection<string> columns)
    {
        if (reference.Task is { } task)
        {
            return GlueTask.Find(task).Complete(reference, columns);
        }

        if (reference is { TextColumn: null, TextPairColumn: null, LabelColumn: null } && columns.Contains(Question) && columns.Contains(Context) && (reference.AnswerColumn ?? Answers) is var answers && columns.Contains(answers))
        {
            return reference with { TextColumn = Question, TextPairColumn = Context, AnswerColumn = answers };
        }

        if (reference is { AnswerColumn: { } named, TextPairColumn: null })
        {
            throw new ZipLMException("ContextMissing", ErrorKind.InvalidArgument,
                $"The answers in column '{named}' stand in no text.", "Also name the column of the context: -TextPairColumn.", reference.Path);
        }

        var text = reference.TextColumn;
        var pair = reference.TextPairColumn;
        if (text is null && pair is null)
        {
            (text, pair) = Pairs.FirstOrDefault(names => columns.Contains(names.Text) && columns.Contains(names.Pair));
        }

        return reference with
        {
            TextColumn = text ?? Texts.FirstOrDefault(name => columns.Contains(name) && name != pair)
                ?? throw DatasetErrors.ColumnMissing(reference.Path, $"column named {string.Join(", ", Texts)}", columns),
            TextPairColumn = pair,
            LabelColumn = reference.LabelColumn ?? Labels.FirstOrDefault(columns.Contains),
        };
    }
}
