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
