using CsvHelper;

namespace ZipLM.Engine.Data;

/// <summary>
/// Reads CSV (RFC 4180: quoted fields may hold commas and line ends) and TSV (tabs and nothing else: public TSV files
/// hold unbalanced quotes). Both have a header; lines with nothing on them are no rows.
/// </summary>
internal static class DelimitedRows
{
    public static string[] Columns(TextReader text, string path, string format)
    {
        using var reader = Open(text, format);
        return Next(reader, path) ? reader.Current.ToArray() : throw DatasetErrors.Empty(path);
    }

    public static IEnumerable<DatasetRow> Read(TextReader text, DatasetReference reference)
    {
        using var reader = Open(text, reference.Format);
        if (!Next(reader, reference.Path)) yield break;
        var columns = reader.Current.ToArray();
        var textAt = Find(columns, reference.TextColumn, reference.Path)
            ?? throw DatasetErrors.ColumnMissing(reference.Path, "column of the text that was named", columns);
        var pairAt = Find(columns, reference.TextPairColumn, reference.Path);
        var labelAt = Find(columns, reference.LabelColumn, reference.Path);
        while (Next(reader, reference.Path))
        {
            yield return new DatasetRow(reader.LineNumber, reader.GetString(textAt),
                pairAt is { } pair ? reader.GetString(pair) : null,
                labelAt is { } label && reader.GetString(label) is { Length: > 0 } value ? value : null);
        }
    }

    private static CsvReader Open(TextReader text, string format) => CsvReader.Create(text, new CsvReaderOptions
    {
        HasHeader = false,
        Separator = format == DatasetFormat.Tsv ? '\t' : ',',
        Mode = format == DatasetFormat.Tsv ? CsvMode.NoEscape : CsvMode.Rfc4180,
        MalformedData = CsvMalformedDataHandling.Throw,
        FieldCountMismatch = CsvFieldCountHandling.Throw,
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
