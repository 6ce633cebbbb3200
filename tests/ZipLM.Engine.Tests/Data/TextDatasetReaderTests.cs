using System.IO.Compression;
using System.Text;
using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

public sealed class TextDatasetReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private TextDataset Read(string name, string content, IReadOnlyList<string>? labels = null) =>
        TextDatasetReader.Read(TextDatasetReader.Describe(_folder.Write(name, content)), labels);

    private ZipLMException Error(string name, string content, IReadOnlyList<string>? labels = null) =>
        Assert.Throws<ZipLMException>(() => Read(name, content, labels));

    [Fact]
    public void TsvKeepsQuotesAsTheyAre()
    {
        var data = Read("sst.tsv", "sentence\tlabel\n\"unbalanced\t1\r\n  it 's , \"odd\" \t0\n\n");
        Assert.Equal([new TextExample("\"unbalanced", null, 1), new TextExample("  it 's , \"odd\" ", null, 0)], data.Examples);
        Assert.Equal(["0", "1"], data.Labels);
        Assert.Equal("sst", data.Name);
        Assert.Equal(new DatasetReference(Path.Combine(_folder.Path, "sst.tsv"), "tsv", "sentence", null, "label"), data.Reference);
    }

    [Fact]
    public void CsvHoldsCommasQuotesAndLineEnds()
    {
        var data = Read("a.csv", "class,premise,hypothesis\nyes,\"one, two\",\"a \"\"b\"\"\"\nno,\"two\nlines\",c\n");
        Assert.Equal([new TextExample("one, two", "a \"b\"", 1), new TextExample("two\nlines", "c", 0)], data.Examples);
        Assert.Equal(["no", "yes"], data.Labels);
    }

    [Fact]
    public void JsonLinesAndPlainText()
    {
        var json = Read("a.jsonl", "{\"text\": \"caf\\u00e9 \\n x\", \"label\": \"b\"}\n\n{\"label\": \"a\", \"text\": \"\"}\n");
        Assert.Equal([new TextExample("café \n x", null, 1), new TextExample("", null, 0)], json.Examples);
        Assert.Equal([2, 0], Read("n.json", "{\"text\":\"x\",\"labels\":2}\n{\"text\":\"y\",\"labels\":0}").Examples.Select(e => e.Label!.Value));
        var text = Read("a.txt", "\ufefffirst\n\n second\tline \r\n");
        Assert.Equal([new TextExample("first"), new TextExample(" second\tline ")], text.Examples);
        Assert.False(text.IsLabelled);
        Assert.Empty(text.Labels);
    }

    [Theory]
    [InlineData("a.tsv.gz", "text\tlabel\nx\t0\n")]
    [InlineData("a.csv.gz", "text,label\nx,0\n")]
    [InlineData("a.jsonl.gz", "{\"text\":\"x\",\"label\":0}\n")]
    public void GzipIsReadAndADamagedOneRefused(string name, string content)
    {
        var bytes = Gzip(content);
        var data = TextDatasetReader.Read(TextDatasetReader.Describe(_folder.Write(name, bytes)));
        Assert.Equal([new TextExample("x", null, 0)], data.Examples);
        Assert.Equal("a", data.Name);

        var whole = Gzip(content + string.Concat(Enumerable.Range(0, 3000).Select(i => content.Split('\n', 2)[0].Contains("text\"", StringComparison.Ordinal) ? $"{{\"text\":\"{i * 7919 % 3001}\",\"label\":0}}\n" : $"{i * 7919 % 3001}{content[4]}0\n")));
        Assert.Equal(3001, TextDatasetReader.Read(TextDatasetReader.Describe(_folder.Write("w" + name, whole))).Count);
        foreach (var broken in new[] { whole[..^2], whole[..^500], whole[..100], [.. "no gzip"u8] })
        {
            var error = Assert.Throws<ZipLMException>(() => TextDatasetReader.Read(new DatasetReference(
                _folder.Write("b" + name, broken), DatasetFormat.FromPath(name), "text", null, "label")));
            Assert.Equal("ZipLM.DatasetArchiveInvalid", error.ErrorId);
        }
    }

    [Fact]
    public void ColumnsGoByUsualNamesUnlessNamed()
    {
        var path = _folder.Write("p.tsv", "question\tsentence\tother\tlabel\nq\ts\to\t1\n");
        var usual = TextDatasetReader.Describe(path);
        Assert.Equal(("question", "sentence", "label"), (usual.TextColumn, usual.TextPairColumn, usual.LabelColumn));
        var named = TextDatasetReader.Describe(path, textColumn: "other");
        Assert.Equal(("other", null, "label"), (named.TextColumn, named.TextPairColumn, named.LabelColumn));
        Assert.Equal("o", TextDatasetReader.Read(named).Examples[0].Text);
        Assert.Equal("csv", TextDatasetReader.Describe(_folder.Write("x.data", "text\na\n"), format: "csv").Format);
    }

    [Theory]
    [InlineData("a.tsv", "sentence\tlabel\nx\t0\ny\n", "DatasetRowMalformed", "Line 3 ")]
    [InlineData("a.tsv", "sentence\tlabel\nx\t0\ny\t1\tz\n", "DatasetRowMalformed", "Line 3 ")]
    [InlineData("a.tsv", "sentence\tlabel\nx\t0\ny\t\n", "DatasetRowMalformed", "Line 3 ")]
    [InlineData("a.csv", "text,label\n\"a\nb\",0\n\"never closed,1\nc,0\n", "DatasetRowMalformed", "Line 4 ")]
    [InlineData("a.csv", "text,label\na\"b,0\n", "DatasetRowMalformed", "Line 2 ")]
    [InlineData("a.jsonl", "{\"text\":\"a\"}\n\n{\"text\":\n", "DatasetRowMalformed", "Line 3 ")]
    [InlineData("a.jsonl", "{\"text\":\"a\"}\n{\"txt\":\"b\"}\n", "DatasetRowMalformed", "Line 2 ")]
    [InlineData("a.jsonl", "{\"text\":\"a\"}\n{\"text\":null}\n", "DatasetRowMalformed", "Line 2 ")]
    [InlineData("a.jsonl", "{\"text\":\"\\ud800\"}\n", "DatasetRowMalformed", "Line 1 ")]
    [InlineData("a.json", "[{\"text\":\"a\"}, 5]\n", "DatasetRowMalformed", "Line 2 ")]
    [InlineData("a.json", "[{\"text\":\"a\"}\n", "DatasetRowMalformed", "one JSON array")]
    [InlineData("a.jsonl", "[{\"text\":\"a\"}]\n", "DatasetRowMalformed", "one object a line")]
    [InlineData("a.jsonl", "{\"question\":\"q\",\"context\":\"c\",\"answers\":5}\n", "DatasetRowMalformed", "answer_start")]
    [InlineData("a.jsonl", "{\"question\":\"q\",\"context\":\"by Ann\",\"answers\":{\"text\":[\"Ann\"],\"answer_start\":[3]}}\n{\"question\":\"q\",\"context\":\"by Ann\",\"answers\":{\"text\":[\"Ann\"],\"answer_start\":[2]}}\n", "DatasetRowMalformed", "Line 2 ")]
    [InlineData("a.tsv", "comment\tscore\nx\t0\n", "DatasetColumnMissing", "comment, score")]
    [InlineData("a.jsonl", "{\"comment\":\"a\",\"score\":1}\n", "DatasetColumnMissing", "comment, score")]
    [InlineData("a.tsv", "text\ttext\nx\t0\n", "DatasetColumnRepeated", "'text'")]
    [InlineData("a.tsv", "text\tlabel\n", "DatasetEmpty", "no rows")]
    [InlineData("a.tsv", "", "DatasetEmpty", "no rows")]
    [InlineData("a.jsonl", "\n", "DatasetEmpty", "no rows")]
    [InlineData("a.txt", " \n", "DatasetEmpty", "no rows")]
    [InlineData("a.csv", "text,label\nx,0\ny,-1\n", "LabelOutOfRange", "Line 3 ")]
    [InlineData("a.csv", "text,label\nx,0\ny,123456789\n", "LabelOutOfRange", "Line 3 ")]
    [InlineData("a.xml", "<a/>", "DatasetFormatUnknown", ".xml")]
    public void BadFilesGiveOneClearError(string name, string content, string id, string part)
    {
        var error = Error(name, content);
        Assert.Equal("ZipLM." + id, error.ErrorId);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(error.Remedy);
    }

    [Fact]
    public void GivenLabelsNameOrIndex()
    {
        string[] names = ["neg", "pos", "odd"];
        Assert.Equal([1, 0], Read("a.csv", "text,label\nx,pos\ny,neg\n", names).Examples.Select(e => e.Label!.Value));
        var byIndex = Read("a.csv", "text,label\nx,1\ny,0\n", names);
        Assert.Equal([1, 0], byIndex.Examples.Select(e => e.Label!.Value));
        Assert.Equal(names, byIndex.Labels);
        foreach (var bad in new[] { "3", "-1", "other" })
        {
            var error = Error("a.csv", $"text,label\nx,1\ny,{bad}\n", names);
            Assert.Equal("ZipLM.LabelOutOfRange", error.ErrorId);
            Assert.Contains("Line 3 ", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void AnEmptyLabelColumnMeansNoLabels()
    {
        var data = Read("a.csv", "text,label\nx,\ny,\n");
        Assert.False(data.IsLabelled);
        Assert.Equal(2, data.Count);
    }

    [Fact]
    public void MissingFilesAndOtherEncodingsAreErrors()
    {
        string Id(string path) => Assert.Throws<ZipLMException>(() => TextDatasetReader.Read(TextDatasetReader.Describe(path))).ErrorId;
        Assert.Equal("ZipLM.DatasetNotFound", Id(Path.Combine(_folder.Path, "none.tsv")));
        Assert.Equal("ZipLM.DatasetNotFound", Id(Path.Combine(_folder.Path, "none", "none.csv")));
        Directory.CreateDirectory(Path.Combine(_folder.Path, "folder.tsv"));
        Assert.Equal("ZipLM.DatasetNotReadable", Id(Path.Combine(_folder.Path, "folder.tsv")));
        foreach (var name in new[] { "latin.tsv", "latin.csv", "latin.jsonl" })
        {
            Assert.Equal("ZipLM.DatasetEncodingInvalid", Id(_folder.Write(name, Encoding.Latin1.GetBytes("text\ncafé\n"))));
        }

        Assert.Equal("ZipLM.DatasetEncodingInvalid", Assert.Throws<ZipLMException>(() => TextDatasetReader.Read(
            TextDatasetReader.Describe(_folder.Write("utf16.txt", Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes("text\n")).ToArray())))).ErrorId);
        var plain = _folder.Write("a.txt", "x\n");
        Assert.Equal("ZipLM.DatasetColumnMissing", Assert.Throws<ZipLMException>(() => TextDatasetReader.Describe(plain, labelColumn: "label")).ErrorId);
        var reference = new DatasetReference(_folder.Write("c.csv", "text,label\nx,0\n"), "csv", "text", null, "topic");
        Assert.Contains("text, label", Assert.Throws<ZipLMException>(() => TextDatasetReader.Read(reference)).Message, StringComparison.Ordinal);
    }

    private static byte[] Gzip(string content)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Optimal)) gzip.Write(Encoding.UTF8.GetBytes(content));
        return memory.ToArray();
    }

    [Fact]
    public void Labels_of_one_name_are_refused()
    {
        var error = Assert.Throws<ZipLMException>(() => new TextDataset("toy", [new("a", Label: 0)], ["cat", "dog", "cat"]));
        Assert.Equal("ZipLM.LabelRepeated", error.ErrorId);
        Assert.Equal("cat", error.Target);
    }
}
