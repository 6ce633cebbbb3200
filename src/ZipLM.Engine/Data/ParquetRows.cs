using System.Globalization;
using System.Text.Json;
using Parquet;
using Parquet.Schema;

namespace ZipLM.Engine.Data;

/// <summary>Reads Parquet files as the hub has them: flat columns of text and labels, answers, and the names of the labels in the file's metadata.</summary>
internal static class ParquetRows
{
    /// <summary>The names of the columns.</summary>
    public static string[] Columns(string path) => Open(path, reader => Task.FromResult(Names(reader.Schema)));

    /// <summary>All rows, and the names of the labels, or null where the file has none.</summary>
    public static (List<DatasetRow> Rows, IReadOnlyList<string>? Labels) Read(DatasetReference reference) => Open(reference.Path, async reader =>
    {
        var text = Find(reader, reference.TextColumn!, reference.Path);
        var pair = reference.TextPairColumn is { } pairName ? Find(reader, pairName, reference.Path) : null;
        var label = reference.LabelColumn is { } labelName ? Find(reader, labelName, reference.Path) : null;
        var answer = reference.AnswerColumn is { } answerName
            ? ParquetAnswers.Find(reader.Schema, answerName) ?? throw DatasetErrors.ColumnMissing(reference.Path, $"column '{answerName}' of lists text and answer_start", Names(reader.Schema))
            : null;
        var rows = new List<DatasetRow>();
        for (var i = 0; i < reader.RowGroupCount; i++)
        {
            using var group = reader.OpenRowGroupReader(i);
            var texts = await Texts(group, text, reference.Path, rows.Count).ConfigureAwait(false);
            var pairs = pair is null ? null : await Texts(group, pair, reference.Path, rows.Count).ConfigureAwait(false);
            var labels = label is null ? null : await Values(group, label, reference.Path).ConfigureAwait(false);
            var before = rows.Count;
            var answers = answer is null ? null : await answer.Read(group, pairs!, (row, what) => DatasetErrors.RowMalformed(reference.Path, before + row + 1, what)).ConfigureAwait(false);
            for (var row = 0; row < texts.Length; row++)
            {
                // The hub writes -1 where a test set hides its label.
                rows.Add(new DatasetRow(rows.Count + 1, texts[row], pairs?[row], labels?[row] is var value && value != "-1" ? value : null) { Answers = answers?[row] });
            }
        }

        return (rows, label is null ? null : LabelNames(reader, label.Name));
    });

    private static string[] Names(ParquetSchema schema) =>
        [.. schema.DataFields.Where(ParquetColumn.IsFlat).Select(field => field.Name), .. ParquetAnswers.Columns(schema)];

    private static DataField Find(ParquetReader reader, string name, string path) =>
        reader.Schema.DataFields.FirstOrDefault(field => ParquetColumn.IsFlat(field) && field.Name == name)
        ?? throw DatasetErrors.ColumnMissing(path, $"column '{name}'", Names(reader.Schema));

    private static async Task<string[]> Texts(ParquetRowGroupReader group, DataField field, string path, int before)
    {
        if (!ParquetColumn.IsText(field)) throw Unreadable(path, $"its column '{field.Name}' holds {field.ClrType.Name}, not text", null);
        var values = await Values(group, field, path).ConfigureAwait(false);
        var empty = Array.IndexOf(values, null);
        if (empty >= 0) throw DatasetErrors.RowMalformed(path, before + empty + 1, $"its '{field.Name}' is null");
        return values!;
    }

    private static async Task<string?[]> Values(ParquetRowGroupReader group, DataField field, string path)
    {
        if (ParquetColumn.IsText(field))
        {
            var values = new string?[group.RowCount];
            await group.ReadAsync(field, values.AsMemory()!).ConfigureAwait(false);
            return values;
        }

        return field.ClrType switch
        {
            var type when type == typeof(long) => await Numbers<long>(group, field).ConfigureAwait(false),
            var type when type == typeof(int) => await Numbers<int>(group, field).ConfigureAwait(false),
            var type when type == typeof(double) => await Numbers<double>(group, field).ConfigureAwait(false),
            var type when type == typeof(float) => await Numbers<float>(group, field).ConfigureAwait(false),
            var type when type == typeof(bool) => await Numbers<bool>(group, field).ConfigureAwait(false),
            var type => throw Unreadable(path, $"its column '{field.Name}' holds {type.Name}, neither text nor a number", null),
        };
    }

    private static async Task<string?[]> Numbers<T>(ParquetRowGroupReader group, DataField field)
        where T : struct, IConvertible
    {
        if (field.IsNullable)
        {
            var some = new T?[group.RowCount];
            await group.ReadAsync(field, some.AsMemory()).ConfigureAwait(false);
            return [.. some.Select(value => value?.ToString(CultureInfo.InvariantCulture))];
        }

        var all = new T[group.RowCount];
        await group.ReadAsync(field, all.AsMemory()).ConfigureAwait(false);
        return [.. all.Select(value => value.ToString(CultureInfo.InvariantCulture))];
    }

    /// <summary>The names of a ClassLabel, which the hub's files carry as JSON in their metadata.</summary>
    private static string[]? LabelNames(ParquetReader reader, string column)
    {
        if (!reader.CustomMetadata.TryGetValue("huggingface", out var json)) return null;
        try
        {
            using var document = JsonDocument.Parse(json);
            var names = document.RootElement.Part("info")?.Part("features")?.Part(column)?.Part("names");
            return names is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray().Select(name => name.GetString()!)] : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The names are a convenience; the labels themselves stand in the column.
            return null;
        }
    }

    private static T Open<T>(string path, Func<ParquetReader, Task<T>> read) => DatasetFile.Open(path, file =>
    {
        try
        {
            return Task.Run(async () =>
            {
                await using var reader = await ParquetReader.CreateAsync(file).ConfigureAwait(false);
                return await read(reader).ConfigureAwait(false);
            }).GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is not ZipLMException and not OutOfMemoryException)
        {
            throw Unreadable(path, error.Message.TrimEnd('.'), error);
        }
    });

    private static ZipLMException Unreadable(string path, string what, Exception? cause) => new(
        "ParquetFileInvalid", ErrorKind.InvalidData, $"'{path}' can't be read as Parquet: {what}.",
        "Fetch the file again, or name columns of text and labels.", path, cause);
}
