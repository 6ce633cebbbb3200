namespace ZipLM.Engine.Data;

/// <summary>Reads text data sets: TSV, CSV, JSON lines and arrays, SQuAD's JSON and plain text, each also as <c>.gz</c>, and Parquet.</summary>
public static class TextDatasetReader
{
    /// <summary>Says how a file will be read: the format by its extension, the columns by their usual names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">tsv, csv, jsonl, text or parquet; null goes by the extension.</param>
    /// <param name="textColumn">Column of the text; null looks for a usual name.</param>
    /// <param name="textPairColumn">Column of the second text; null looks for a usual pair, unless the text column is named.</param>
    /// <param name="labelColumn">Column of the label; null looks for a usual name, and there may be none.</param>
    /// <param name="answerColumn">Column of the answers to a question; null looks for the usual names of question, context and answers.</param>
    /// <param name="task">A task of GLUE, which says the columns and the labels; null for other data.</param>
    /// <param name="delimiter">What stands between two rows of plain text; null = a line's end.</param>
    /// <exception cref="ZipLMException">The file or a column is missing, or the format is unknown.</exception>
    public static DatasetReference Describe(
        string path, string? format = null, string? textColumn = null, string? textPairColumn = null, string? labelColumn = null,
        string? answerColumn = null, string? task = null, string? delimiter = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw DatasetErrors.Folder(path);

        var reference = new DatasetReference(
            Path.GetFullPath(path), format ?? DatasetFormat.FromPath(path), textColumn, textPairColumn, labelColumn)
        {
            AnswerColumn = answerColumn,
            Task = task is null ? null : GlueTask.Find(task).Name,
            Delimiter = delimiter,
        };
        if (delimiter is not null && (delimiter.Length == 0 || reference.Format != DatasetFormat.Text))
        {
            throw new ZipLMException("DelimiterInvalid", ErrorKind.InvalidArgument,
                delimiter.Length == 0 ? "An empty delimiter divides no text." : $"A delimiter divides plain text, but '{path}' is read as {reference.Format}.",
                "Leave -Delimiter out, or give -Format text.", path);
        }

        if (reference.Format is DatasetFormat.Text or DatasetFormat.Squad)
        {
            return (textColumn ?? textPairColumn ?? labelColumn ?? answerColumn ?? task) is not { } column ? reference
                : throw DatasetErrors.ColumnMissing(reference.Path, $"column '{column}'", [reference.Format == DatasetFormat.Text ? "none, it is plain text" : "none, it is SQuAD's JSON"]);
        }

        var columns = reference.Format == DatasetFormat.Parquet ? ParquetRows.Columns(reference.Path) : DatasetFile.Read(reference.Path, text => reference.Format switch
        {
            DatasetFormat.Tsv or DatasetFormat.Csv => DelimitedRows.Columns(text, reference),
            DatasetFormat.JsonLines or DatasetFormat.Json => JsonRows.Columns(text, reference),
            var other => throw DatasetFormat.Unknown(path, $"'{other}'"),
        });
        var completed = DatasetColumns.Complete(reference, columns);
        return completed.AnswerColumn is not { } answers || completed.Format is not (DatasetFormat.Tsv or DatasetFormat.Csv) ? completed
            : throw new ZipLMException("AnswersUnsupported", ErrorKind.InvalidArgument,
                $"The answers in column '{answers}' of '{path}' can't be read: {completed.Format} has no lists.",
                "Give questions with their answers as SQuAD's JSON, JSON lines or Parquet.", path);
    }

    /// <summary>Reads all rows of a file, in its order.</summary>
    /// <param name="reference">The file and its columns, as <see cref="Describe"/> gives them.</param>
    /// <param name="labels">
    /// Names of the labels, for a file that must have the labels of another one. Null: the file's own; integers stand for themselves.
    /// </param>
    /// <param name="warn">Is told of rows that were left out.</param>
    /// <exception cref="ZipLMException">The file can't be read, has no rows, a broken row or a label out of range.</exception>
    public static TextDataset Read(DatasetReference reference, IReadOnlyList<string>? labels = null, Action<string>? warn = null)
    {
        ArgumentNullException.ThrowIfNull(reference);
        var (rows, named) = reference.Format switch
        {
            DatasetFormat.Parquet => ParquetRows.Read(reference),
            DatasetFormat.Squad => (SquadFile.Read(reference.Path), null),
            _ => (DatasetFile.Read(reference.Path, text => Rows(text, reference, warn).ToList()), null),
        };
        if (rows.Count == 0) throw DatasetErrors.Empty(reference.Path);
        if (rows.TrueForAll(row => IsBlank(row.Text, row.TextPair)))
            throw DatasetErrors.Empty(reference.Path, $"no text: all of its {rows.Count} rows are blank");

        var task = reference.Task is { } name ? GlueTask.Find(name) : null;
        var scores = labels is null ? LabelScores.Find(reference.Path, rows, isRegression: task is { Labels.Count: 0 }) : null;
        var (names, indices) = scores is not null ? ([], new int?[rows.Count]) : LabelIndex.Build(reference.Path, rows, labels ?? (task is { Labels.Count: > 0 } ? task.Labels : named));
        var examples = rows.Select((row, i) => new TextExample(row.Text, row.TextPair, indices[i]) { Score = scores?[i], Answers = row.Answers }).ToList();
        return new TextDataset(Path.GetFileNameWithoutExtension(DatasetFormat.WithoutGzip(reference.Path)), examples, names, reference);
    }

    /// <summary>How many rows have no text.</summary>
    public static int CountBlank(TextDataset dataset)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        return dataset.Examples.Count(example => IsBlank(example.Text, example.TextPair));
    }

    private static bool IsBlank(string text, string? pair) => string.IsNullOrWhiteSpace(text) && string.IsNullOrWhiteSpace(pair);

    private static IEnumerable<DatasetRow> Rows(TextReader text, DatasetReference reference, Action<string>? warn) => reference.Format switch
    {
        DatasetFormat.Tsv or DatasetFormat.Csv => DelimitedRows.Read(text, reference, warn),
        DatasetFormat.JsonLines or DatasetFormat.Json => JsonRows.Read(text, reference),
        DatasetFormat.Text => PlainRows.Read(text, reference.Delimiter),
        var other => throw DatasetFormat.Unknown(reference.Path, $"'{other}'"),
    };
}
