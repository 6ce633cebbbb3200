using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Reads JSON lines: one object a line; empty lines are no rows.</summary>
internal static class JsonRows
{
    /// <summary>The names in the first object.</summary>
    public static string[] Columns(TextReader text, string path)
    {
        foreach (var (line, json) in PlainRows.Lines(text))
        {
            using var document = Parse(path, line, json);
            return Names(document.RootElement);
        }

        throw DatasetErrors.Empty(path);
    }

    public static IEnumerable<DatasetRow> Read(TextReader text, DatasetReference reference)
    {
        var first = true;
        foreach (var (line, json) in PlainRows.Lines(text))
        {
            using var document = Parse(reference.Path, line, json);
            var row = document.RootElement;
            // The first object stands for the header; what a later one lacks is that line's fault.
            if (first) RequireColumns(row, reference);
            first = false;
            yield return new DatasetRow(line, Text(row, reference.TextColumn!, reference.Path, line),
                reference.TextPairColumn is { } pair ? Text(row, pair, reference.Path, line) : null,
                reference.LabelColumn is { } label ? Label(row, label, reference.Path, line) : null);
        }
    }

    private static JsonDocument Parse(string path, long line, string json)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json);
        }
        catch (JsonException error)
        {
            throw DatasetErrors.RowMalformed(path, line, $"it is not one JSON object ({error.Message.TrimEnd('.')})", error);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
        var kind = document.RootElement.ValueKind;
        document.Dispose();
        throw DatasetErrors.RowMalformed(path, line, $"it holds a JSON {kind}, not an object; write one object a line");
    }

    private static string[] Names(JsonElement row) => [.. row.EnumerateObject().Select(property => property.Name)];

    private static void RequireColumns(JsonElement row, DatasetReference reference)
    {
        foreach (var name in new[] { reference.TextColumn, reference.TextPairColumn, reference.LabelColumn })
        {
            if (name is not null && !row.TryGetProperty(name, out _))
            {
                throw DatasetErrors.ColumnMissing(reference.Path, $"column '{name}'", Names(row));
            }
        }
    }

    private static string Text(JsonElement row, string name, string path, long line)
    {
        try
        {
            return row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
                ? value.GetString()!
                : throw DatasetErrors.RowMalformed(path, line, $"'{name}' is {(value.ValueKind == JsonValueKind.Undefined ? "missing" : $"a JSON {value.ValueKind}, not a string")}");
        }
        catch (InvalidOperationException error)
        {
            throw DatasetErrors.RowMalformed(path, line, $"'{name}' holds half of a surrogate pair", error);
        }
    }

    private static string? Label(JsonElement row, string name, string path, long line) =>
        !row.TryGetProperty(name, out var value) ? null : value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String => Text(row, name, path, line),
            JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
            var kind => throw DatasetErrors.RowMalformed(path, line, $"the label '{name}' is a JSON {kind}"),
        };
}
