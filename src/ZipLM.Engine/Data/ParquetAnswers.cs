using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace ZipLM.Engine.Data;

/// <summary>
/// The answers of a row in Parquet files: a structure of two lists, as the hub has them, or a list of structures, of text and
/// answer_start.
/// </summary>
/// <param name="Text">The leaf of the texts, one list a row.</param>
/// <param name="Start">The leaf of the places, counted in code points of the context.</param>
internal sealed record ParquetAnswers(DataField Text, DataField Start)
{
    /// <summary>The columns of a file that hold answers.</summary>
    public static IEnumerable<string> Columns(ParquetSchema schema) =>
        schema.DataFields.Select(field => field.Path.FirstPart!).Distinct().Where(name => Find(schema, name) is not null);

    /// <summary>The answers in a column; null where it holds something else.</summary>
    public static ParquetAnswers? Find(ParquetSchema schema, string column)
    {
        return Leaf("text") is { } text && ParquetColumn.IsText(text) && Leaf("answer_start") is { } start && (start.ClrType == typeof(int) || start.ClrType == typeof(long))
            ? new(text, start) : null;

        // The steps between, such as "list" and "element", are called differently by different writers.
        DataField? Leaf(string name) => schema.DataFields.FirstOrDefault(field =>
            field.MaxRepetitionLevel == 1 && field.Path.FirstPart == column && field.Path.ToList().Skip(1).Contains(name));
    }

    /// <summary>The answers of each row of a group, which must stand in its context.</summary>
    /// <param name="contexts">The context of each row.</param>
    /// <param name="wrong">Makes the error of what is wrong with a row, from 0.</param>
    public async Task<IReadOnlyList<TextAnswer>[]> Read(ParquetRowGroupReader group, string?[] contexts, Func<int, string, ZipLMException> wrong)
    {
        var texts = await Lists<ReadOnlyMemory<char>, string>(group, Text, value => value.ToString()).ConfigureAwait(false);
        var starts = Start.ClrType == typeof(int)
            ? await Lists<int, long>(group, Start, value => value).ConfigureAwait(false)
            : await Lists<long, long>(group, Start, value => value).ConfigureAwait(false);
        return [.. contexts.Select((context, row) => Place(texts[row], starts[row], context!, what => wrong(row, what)))];
    }

    private static TextAnswer[] Place(List<string> texts, List<long> starts, string context, Func<string, ZipLMException> wrong)
    {
        if (texts.Count != starts.Count)
        {
            throw wrong($"it has {texts.Count} answers, but {starts.Count} places of answers");
        }

        var places = new CodePoints(context);
        return [.. texts.Zip(starts, (text, start) => AnswersJson.Place(text, start is >= 0 and <= int.MaxValue ? (int)start : -1, context, places, wrong))];
    }

    /// <summary>The list of each row: a value begins a new one where its repetition level is 0, and is there at all where its definition level is the highest.</summary>
    private static async Task<List<TOut>[]> Lists<T, TOut>(ParquetRowGroupReader group, DataField field, Func<T, TOut> convert)
        where T : struct
    {
        using var column = (RawColumnData<T>)await group.ReadRawColumnDataBaseAsync(field).ConfigureAwait(false);
        var values = column.Values;
        var definitions = column.DefinitionLevels;
        var repetitions = column.RepetitionLevels;
        var lists = new List<List<TOut>>();
        var next = 0;
        for (var i = 0; i < repetitions.Length; i++)
        {
            if (repetitions[i] == 0)
            {
                lists.Add([]);
            }

            if (definitions[i] == field.MaxDefinitionLevel)
            {
                lists[^1].Add(convert(values[next++]));
            }
        }

        return [.. lists];
    }
}
