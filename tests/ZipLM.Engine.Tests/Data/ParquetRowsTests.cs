using Parquet;
using Parquet.Schema;
using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

public sealed class ParquetRowsTests : IDisposable
{
    private const string HubMetadata = """{"info": {"features": {"sentence": {"dtype": "string", "_type": "Value"}, "label": {"names": ["negative", "positive"], "_type": "ClassLabel"}}}}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Two row groups, as files on the hub have many.</summary>
    private async Task<string> Write(string?[] sentences, long[] labels, string? metadata = null)
    {
        var text = new DataField<string>("sentence");
        var label = new DataField<long>("label");
        var index = new DataField<int>("idx");
        var token = TestContext.Current.CancellationToken;
        var path = Path.Combine(_folder.Path, "train-00000-of-00001.parquet");
        await using var file = File.Create(path);
        await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(text, label, index), file, cancellationToken: token);
        if (metadata is not null) writer.CustomMetadata = new Dictionary<string, string> { ["huggingface"] = metadata };
        foreach (var rows in new[] { ..1, 1.. })
        {
            using var group = writer.CreateRowGroup();
            await group.WriteAsync(text, sentences[rows]!);
            await group.WriteAsync<long>(label, labels[rows].AsMemory(), cancellationToken: token);
            await group.WriteAsync<int>(index, new int[labels[rows].Length].AsMemory(), cancellationToken: token);
            group.CompleteValidate();
        }

        return path;
    }

    [Fact]
    public async Task RowsLabelsAndTheirNamesAreRead()
    {
        var reference = TextDatasetReader.Describe(await Write(["it's good", "ünd\nbad 😀", ""], [1, 0, 1], HubMetadata));
        Assert.Equal(("parquet", "sentence", null, "label"), (reference.Format, reference.TextColumn, reference.TextPairColumn, reference.LabelColumn));
        var data = TextDatasetReader.Read(reference);
        Assert.Equal(["it's good", "ünd\nbad 😀", ""], data.Examples.Select(row => row.Text));
        Assert.Equal([1, 0, 1], data.Examples.Select(row => row.Label));
        Assert.Equal(["negative", "positive"], data.Labels);
    }

    [Fact]
    public async Task HiddenLabelsAreNone()
    {
        var data = TextDatasetReader.Read(TextDatasetReader.Describe(await Write(["a", "b"], [-1, -1])));
        Assert.All(data.Examples, row => Assert.Null(row.Label));
    }

    /// <summary>Questions as the hub has them (a structure of lists), or as a list of structures; one row group a list of rows.</summary>
    private async Task<string> WriteQuestions(bool lists, params (string Question, string Context, (string Text, int Start)[] Answers)[][] groups)
    {
        var token = TestContext.Current.CancellationToken;
        DataField text = new DataField<string>("text"), start = new DataField<int>("answer_start");
        Field answers = lists
            ? new StructField("answers", new ListField("text", new DataField<string>("element")), new ListField("answer_start", new DataField<int>("element")))
            : new ListField("answers", new StructField("element", text, start));
        var schema = new ParquetSchema(new DataField<string>("id"), new DataField<string>("context"), new DataField<string>("question"), answers);
        var path = Path.Combine(_folder.Path, "squad.parquet");
        await using var file = File.Create(path);
        await using var writer = await ParquetWriter.CreateAsync(schema, file, cancellationToken: token);
        foreach (var rows in groups)
        {
            using var group = writer.CreateRowGroup();
            await group.WriteAsync(schema.DataFields[0], rows.Select((_, i) => $"{i}").ToArray());
            await group.WriteAsync(schema.DataFields[1], rows.Select(row => row.Context).ToArray());
            await group.WriteAsync(schema.DataFields[2], rows.Select(row => row.Question).ToArray());
            await Write(schema.DataFields[3], answer => answer.Text.AsMemory());
            await Write(schema.DataFields[4], answer => answer.Start);
            group.CompleteValidate();

            // Of an empty list there is one entry, which defines less than a value does: neither the value nor its element.
            async Task Write<T>(DataField field, Func<(string Text, int Start), T> value)
                where T : struct
            {
                var empty = field.MaxDefinitionLevel - (field.IsNullable ? 1 : 0) - (lists ? 1 : 2);
                int[] definitions = [.. rows.SelectMany(row => row.Answers.Length == 0 ? [empty] : row.Answers.Select(_ => field.MaxDefinitionLevel))];
                int[] repetitions = [.. rows.SelectMany(row => row.Answers.Length == 0 ? [0] : row.Answers.Select((_, i) => i == 0 ? 0 : 1))];
                await group.WriteAllPartsAsync<T>(field, rows.SelectMany(row => row.Answers.Select(value)).ToArray(), definitions, repetitions, token);
            }
        }

        return path;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task QuestionsComeWithTheirAnswers(bool lists)
    {
        var path = await WriteQuestions(lists,
            [("Who?", "😀 by Ann", [("Ann", 5), ("by Ann", 2)]), ("When?", "by Ann", [])],
            [("What?", "a tale", [("tale", 2)])]);
        var reference = TextDatasetReader.Describe(path);
        Assert.Equal(("question", "context", "answers"), (reference.TextColumn, reference.TextPairColumn, reference.AnswerColumn));
        var data = TextDatasetReader.Read(reference);
        Assert.Equal([("Who?", "😀 by Ann"), ("When?", "by Ann"), ("What?", "a tale")], data.Examples.Select(row => (row.Text, row.TextPair!)));
        Assert.Equal([new TextAnswer("Ann", 6), new TextAnswer("by Ann", 3)], data.Examples[0].Answers!);
        Assert.Empty(data.Examples[1].Answers!);
        Assert.Equal([new TextAnswer("tale", 2)], data.Examples[2].Answers!);
    }

    [Fact]
    public async Task AnAnswerThatStandsElsewhereNamesItsRow()
    {
        var path = await WriteQuestions(true, [("Who?", "by Ann", [("Ann", 3)])], [("Who?", "by Ann", [("Ann", 2)])]);
        var error = Assert.Throws<ZipLMException>(() => TextDatasetReader.Read(TextDatasetReader.Describe(path)));
        Assert.Equal("ZipLM.DatasetRowMalformed", error.ErrorId);
        Assert.Contains("Line 2", error.Message, StringComparison.Ordinal);
        Assert.Equal("ZipLM.DatasetColumnMissing", Assert.Throws<ZipLMException>(() => TextDatasetReader.Read(
            TextDatasetReader.Describe(path, textColumn: "question", textPairColumn: "context", answerColumn: "id"))).ErrorId);
    }

    [Fact]
    public async Task OtherSchemasAndBrokenFilesAreErrors()
    {
        var path = await Write(["a", null], [0, 1]);
        Assert.Contains("Line 2", Assert.Throws<ZipLMException>(() => TextDatasetReader.Read(TextDatasetReader.Describe(path))).Message, StringComparison.Ordinal);
        var missing = Assert.Throws<ZipLMException>(() => TextDatasetReader.Read(TextDatasetReader.Describe(path, textColumn: "text")));
        Assert.Equal("ZipLM.DatasetColumnMissing", missing.ErrorId);
        Assert.Contains("sentence, label, idx", missing.Message, StringComparison.Ordinal);
        Assert.Contains("Int64", Assert.Throws<ZipLMException>(() => TextDatasetReader.Read(TextDatasetReader.Describe(path, textColumn: "label"))).Message, StringComparison.Ordinal);

        var bytes = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        var cut = _folder.Write("cut.parquet", bytes[..(bytes.Length / 2)]);
        Assert.Equal("ZipLM.ParquetFileInvalid", Assert.Throws<ZipLMException>(() => TextDatasetReader.Describe(cut)).ErrorId);
        Assert.Equal("ZipLM.ParquetFileInvalid", Assert.Throws<ZipLMException>(() => TextDatasetReader.Describe(_folder.Write("no.parquet", "text"))).ErrorId);
        Assert.Equal("ZipLM.DatasetNotFound", Assert.Throws<ZipLMException>(() => TextDatasetReader.Describe(Path.Combine(_folder.Path, "none.parquet"))).ErrorId);
    }
}
