using System.Text.Json;
using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

/// <summary>
/// Ids and offsets of hard texts as Hugging Face's tokenizers library gives them, for small tokenizers of every kind that is
/// supported; reference-tokenizers.cjs made the file.
/// </summary>
public sealed class ReferenceTokenizerTests : IDisposable
{
    private static readonly JsonDocument File = JsonDocument.Parse(typeof(ReferenceTokenizerTests).Assembly.GetManifestResourceStream("reference-tokenizers.json")!);
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Names => [.. File.RootElement.GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];

    public void Dispose() => _folder.Dispose();

    private static JsonElement Case(string name) => File.RootElement.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);

    private Tokenizer Load(JsonElement reference)
    {
        _folder.Write("tokenizer.json", reference.GetProperty("definition").GetRawText());
        return Tokenizer.Load(_folder.Path);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void EqualsThePublishedLibrary(string name)
    {
        var reference = Case(name);
        var tokenizer = Load(reference);
        var compared = 0;
        foreach (var (text, expected) in File.RootElement.GetProperty("texts").EnumerateArray().Zip(reference.GetProperty("expected").EnumerateArray()))
        {
            var tokens = tokenizer.Encode(text.GetString()!, null, int.MaxValue);
            Assert.Equal(Numbers(expected.GetProperty("ids")), tokens.Ids);
            if (expected.GetProperty("offsets").ValueKind == JsonValueKind.Null) continue;
            Assert.Equal(expected.GetProperty("offsets").EnumerateArray().Select(o => (o[0].GetInt32(), o[1].GetInt32())), tokens.Offsets);
            compared++;
        }

        Assert.True(compared >= 20, $"only {compared} rows have offsets");
        var pair = tokenizer.Encode("Hello  world", " the dog", int.MaxValue);
        Assert.Equal(Numbers(reference.GetProperty("pair").GetProperty("ids")), pair.Ids);
        Assert.Equal(Numbers(reference.GetProperty("pair").GetProperty("types")), pair.TypeIds);
    }

    /// <summary>What no library says: every token lies inside the text, in order, on the borders of characters, and knows its text.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void OffsetsAreRangesOfWholeCharacters(string name)
    {
        var tokenizer = Load(Case(name));
        foreach (var text in File.RootElement.GetProperty("texts").EnumerateArray().Select(t => t.GetString()!).Append("x\ud83d y \ude00"))
        {
            var tokens = tokenizer.Encode("Hi", text, int.MaxValue);
            var last = 0;
            for (var i = 0; i < tokens.Ids.Length; i++)
            {
                var (start, end) = tokens.Offsets[i];
                if (tokens.Texts[i] < 0) Assert.Equal((0, 0), (start, end));
                if (tokens.Texts[i] != 1) continue;
                Assert.InRange(start, last, end);
                Assert.InRange(end, start, text.Length);
                Assert.True(start == text.Length || !Splits(text, start), $"{start} in {text}");
                Assert.True(end == text.Length || !Splits(text, end), $"{end} in {text}");
                last = start;
            }
        }
    }

    [Theory]
    [InlineData("GPT-2")]
    [InlineData("RoBERTa")]
    [InlineData("LLaMA")]
    public void DecodingGivesTheTextBack(string name)
    {
        var tokenizer = Load(Case(name));
        foreach (var text in File.RootElement.GetProperty("texts").EnumerateArray().Select(t => t.GetString()!))
        {
            if (text.Contains('<') || text.Contains('▁') || text.Contains('\ufffd')) continue;
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, null, int.MaxValue).Ids));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([tokenizer.Count]));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void SavedFilesGiveTheSameTokens(string name)
    {
        var tokenizer = Load(Case(name));
        using var saved = new TemporaryFolder();
        tokenizer.Save(saved.Path);
        var again = Tokenizer.Load(saved.Path);
        Assert.Equal(tokenizer.Vocabulary, again.Vocabulary);
        Assert.Equal((tokenizer.PadId, tokenizer.MaskId, tokenizer.EndId), (again.PadId, again.MaskId, again.EndId));
        Assert.Equal(tokenizer.Encode("Hello  wörld", "x", 64).Ids, again.Encode("Hello  wörld", "x", 64).Ids);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void LongTextComesThrough(string name)
    {
        var tokenizer = Load(Case(name));
        // Well under a second; what is not linear would take hours.
        foreach (var unit in new[] { "a", "the", "中", " ", "x y ", "😀" }) Assert.NotEmpty(tokenizer.Encode(string.Concat(Enumerable.Repeat(unit, 100_000)), null, int.MaxValue).Ids);
    }

    private static bool Splits(string text, int at) => at > 0 && char.IsHighSurrogate(text[at - 1]) && char.IsLowSurrogate(text[at]);

    private static IEnumerable<int> Numbers(JsonElement array) => array.EnumerateArray().Select(n => n.GetInt32());
}
