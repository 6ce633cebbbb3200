using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Reads JSON lines, one object a line (empty lines are no rows), and JSON arrays of objects.</summary>
internal static class JsonRows
{
    /// <summary>The names in the first object.</summary>
    public static string[] Columns(TextReader text, DatasetReference reference)
    {
        foreach (var (line, json) in Elements(text, reference))
        {
            return Names(Object(reference.Path, line, json));
        }

        throw DatasetErrors.Empty(reference.Path);
    }

    public static IEnumerable<DatasetRow> Read(TextReader text, DatasetReference reference)
    {
        var first = true;
        foreach (var (line, json) in Elements(text, reference))
        {
            var row = Object(reference.Path, line, json);
            // The first object stands for the header; what a later one lacks is that line's fault.
            if (first) RequireColumns(row, reference);
            first = false;
            var pair = reference.TextPairColumn is { } pairName ? Text(row, pairName, reference.Path, line) : null;
            yield return new DatasetRow(line, Text(row, reference.TextColumn!, reference.Path, line), pair,
                reference.LabelColumn is { } label ? Label(row, label, reference.Path, line) : null)
            {
                Answers = reference.AnswerColumn is { } answers
                    ? AnswersJson.Read(row.Part(answers) ?? throw DatasetErrors.RowMalformed(reference.Path, line, $"'{answers}' is missing"), pair!, what => DatasetErrors.RowMalformed(reference.Path, line, what))
                    : null,
            };
        }
    }

    /// <summary>The values of a file with the line that each begins on, or in an array which value it is.</summary>
    private static IEnumerable<(long Line, JsonElement Json)> Elements(TextReader text, DatasetReference reference) =>
        reference.Format == DatasetFormat.Json ? Array(text.ReadToEnd(), reference.Path) : Lines(text, reference.Path);

    private static IEnumerable<(long Line, JsonElement Json)> Lines(TextReader text, string path)
    {
        foreach (var (line, json) in PlainRows.Lines(text))
        {
            using var document = Parse(path, line, json, "it is not one JSON object");
            yield return (line, document.RootElement);
        }
    }

    private static IEnumerable<(long Line, JsonElement Json)> Array(string text, string path)
    {
        using var document = Parse(path, 1, text, "the file is not one JSON array");
        if (document.RootElement.ValueKind != JsonValueKind.Array)
        {
            throw DatasetErrors.RowMalformed(path, 1, $"the file is a JSON {document.RootElement.ValueKind}, not an array of objects");
        }

        foreach (var (i, json) in document.RootElement.EnumerateArray().Index()) yield return (i + 1, json);
    }

    private static JsonDocument Parse(string path, long line, string json, string wrong)
    {
        try
        {
            return JsonDocument.Parse(json);
        }
        catch (JsonException error)
        {
            throw DatasetErrors.RowMalformed(path, line, $"{wrong} ({error.Message.TrimEnd('.')})", error);
        }
    }

    private static JsonElement Object(string path, long line, JsonElement json) => json.ValueKind == JsonValueKind.Object ? json
        : throw DatasetErrors.RowMalformed(path, line, $"it holds a JSON {json.ValueKind}, not an object; write one object a line, or an array of objects in a file that ends in .json");

    private static string[] Names(JsonElement row) => [.. row.EnumerateObject().Select(property => property.Name)];

    private static void RequireColumns(JsonElement row, DatasetReference reference)
    {
        foreach (var name in new[] { reference.TextColumn, reference.TextPairColumn, reference.LabelColumn, reference.AnswerColumn })
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
