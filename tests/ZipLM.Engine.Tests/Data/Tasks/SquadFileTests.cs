using System.IO.Compression;
using System.Text;
using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

public sealed class SquadFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Json(string context, string answer, int start) =>
        $$"""{"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "{{context}}", "qas": [{"id": "q1", "question": "Who?", "answers": [{"text": "{{answer}}", "answer_start": {{start}}}]}, {"id": "q2", "question": "When?"}]}]}]}""";

    [Fact]
    public void OffsetsCountCharactersAndBecomeUtf16()
    {
        var path = _folder.Write("squad.json", Json("😀😀 by Ann.", "Ann", 6));
        var questions = SquadFile.Read(path);
        Assert.Equal(["Who?", "When?"], questions.Select(q => q.Text));
        Assert.Equal(new TextAnswer("Ann", 8), Assert.Single(questions[0].Answers!));
        Assert.Equal("Ann", questions[0].TextPair![8..11]);
        Assert.Empty(questions[1].Answers!);

        using var zipped = new MemoryStream();
        using (var gzip = new GZipStream(zipped, CompressionMode.Compress)) gzip.Write(Encoding.UTF8.GetBytes(Json("By Ann.", "Ann", 3)));
        Assert.Equal(3, SquadFile.Read(_folder.Write("squad.json.gz", zipped.ToArray()))[0].Answers![0].Start);
    }

    [Theory]
    [InlineData(5, "q1")]
    [InlineData(-1, "q1")]
    [InlineData(900, "900")]
    public void AnAnswerElsewhereIsAnError(int start, string part)
    {
        var error = Assert.Throws<ZipLMException>(() => SquadFile.Read(_folder.Write("squad.json", Json("😀😀 by Ann.", "Ann", start))));
        Assert.Equal("ZipLM.SquadFileInvalid", error.ErrorId);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"data\": [{\"paragraphs\": [{\"context\": 5}]}]}")]
    public void OtherSchemasAreErrors(string json) =>
        Assert.Equal("ZipLM.SquadFileInvalid", Assert.Throws<ZipLMException>(() => SquadFile.Read(_folder.Write("squad.json", json))).ErrorId);

    [Fact]
    public void GlueTasksAreFoundByTheirNames()
    {
        Assert.Equal(9, GlueTask.All.Count);
        Assert.Equal(("question", "sentence"), (GlueTask.Find("QNLI").TextColumn, GlueTask.Find("qnli").TextPairColumn));
        Assert.Equal(GlueTask.Find("sst2"), GlueTask.Find("SST-2"));
        Assert.Contains("mnli", Assert.Throws<ZipLMException>(() => GlueTask.Find("boolq")).Remedy, StringComparison.Ordinal);
    }
}
