using CsvHelper;

namespace ZipLM.Engine.Data;

/// <summary>
/// Reads CSV (RFC 4180: quoted fields may hold commas and line ends) and TSV (tabs and nothing else: public TSV files
/// hold unbalanced quotes). Both have a header, but for a file of GLUE; lines with nothing on them are no rows.
/// </summary>
internal static class DelimitedRows
{
    public static string[] Columns(TextReader text, DatasetReference reference)
    {
        using var reader = Open(text, reference);
        return Next(reader, reference.Path) ? Header(reader, reference).Columns : throw DatasetErrors.Empty(reference.Path);
    }

    /// <param name="warn">Is told of rows that were left out: published files of GLUE have some with too few fields.</param>
    public static IEnumerable<DatasetRow> Read(TextReader text, DatasetReference reference, Action<string>? warn)
    {
        using var reader = Open(text, reference);
        if (!Next(reader, reference.Path)) yield break;
        var (columns, isRow) = Header(reader, reference);
        var textAt = Find(columns, reference.TextColumn, reference.Path)
            ?? throw DatasetErrors.ColumnMissing(reference.Path, "column of the text that was named", columns);
        var pairAt = Find(columns, reference.TextPairColumn, reference.Path);
        var labelAt = Find(columns, reference.LabelColumn, reference.Path);
        var leftOut = 0;
        while (isRow || Next(reader, reference.Path))
        {
            isRow = false;
            if (reader.FieldCount != columns.Length)
            {
                leftOut++;
                continue;
            }

            yield return new DatasetRow(reader.LineNumber, reader.GetString(textAt),
                pairAt is { } pair ? reader.GetString(pair) : null,
                labelAt is { } label && reader.GetString(label) is { Length: > 0 } value ? value : null);
        }

        if (leftOut > 0)
        {
            warn?.Invoke($"{leftOut} rows of '{reference.Path}' are left out: they don't have its {columns.Length} fields.");
        }
    }

    /// <summary>The names of the columns, and whether the first line is a row, because it does not name them.</summary>
    private static (string[] Columns, bool IsRow) Header(CsvReader reader, DatasetReference reference)
    {
        var first = reader.Current.ToArray();
        var task = reference.Task is { } name ? GlueTask.Find(name) : null;
        return task is null || task.IsHeader(first) ? (first, false) : (task.HeaderlessColumns.ToArray(), true);
    }

    private static CsvReader Open(TextReader text, DatasetReference reference) => CsvReader.Create(text, new CsvReaderOptions
    {
        HasHeader = false,
        Separator = reference.Format == DatasetFormat.Tsv ? '\t' : ',',
        Mode = reference.Format == DatasetFormat.Tsv ? CsvMode.NoEscape : CsvMode.Rfc4180,
        MalformedData = CsvMalformedDataHandling.Throw,
        FieldCountMismatch = reference.Task is null ? CsvFieldCountHandling.Throw : CsvFieldCountHandling.Allow,
        TrackLineNumbers = true,
    }, leaveOpen: true);

    private static bool Next(CsvReader reader, string path)
    {
        try
        {
            return reader.Read();
        }
        catch (CsvFormatException error)
        {
            throw DatasetErrors.RowMalformed(path, error.LineNumber, error.Message.TrimEnd('.'), error);
        }
    }

    private static int? Find(string[] columns, string? name, string path)
    {
        if (name is null) return null;
        var at = Array.IndexOf(columns, name);
        if (at < 0) throw DatasetErrors.ColumnMissing(path, $"column '{name}'", columns);
        return Array.IndexOf(columns, name, at + 1) < 0 ? at : throw DatasetErrors.ColumnRepeated(path, name);
    }
}
