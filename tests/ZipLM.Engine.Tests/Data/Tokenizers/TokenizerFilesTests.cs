using System.Text.Json.Nodes;
using Google.Protobuf;
using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

/// <summary>Tokenizers from the files that models are published with, and what is wrong with such files.</summary>
public sealed class TokenizerFilesTests : IDisposable
{
    private const string Merges = "#version: 0.2\nH e\nl l\nHe ll\nHell o\nĠ Hello\n# #\n";

    private static readonly string[] Letters = [.. Enumerable.Range(0, 256).Select(b => ByteAlphabet.Character((byte)b).ToString())];
    private static readonly string[] Merged = ["He", "ll", "Hell", "Hello", "ĠHello", "##"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private void WriteByteLevel(params string[] special)
    {
        var vocabulary = new JsonObject();
        foreach (var piece in (string[])[.. special, .. Letters, .. Merged]) vocabulary[piece] = vocabulary.Count;
        _folder.Write("vocab.json", vocabulary.ToJsonString());
        _folder.Write("merges.txt", Merges);
    }

    private string[] Pieces(string text, string? pair = null)
    {
        var tokenizer = Tokenizer.Load(_folder.Path);
        return [.. tokenizer.Encode(text, pair, 64).Ids.Select(id => tokenizer.Vocabulary[id])];
    }

    private ZipLMException LoadError() => Assert.Throws<ZipLMException>(() => Tokenizer.Load(_folder.Path));

    [Fact]
    public void Gpt2IsReadFromVocabularyAndMerges()
    {
        WriteByteLevel("<|endoftext|>");
        Assert.Equal(["Hello", "ĠHello", "<|endoftext|>", "Hello"], Pieces("Hello Hello<|endoftext|>Hello"));
        Assert.Equal(["ĠHello", "!", "##"], Pieces(" Hello", "!##"));
        var tokenizer = Tokenizer.Load(_folder.Path);
        Assert.Equal((0, 0, null), (tokenizer.PadId, tokenizer.EndId, tokenizer.MaskId));

        _folder.Write("tokenizer_config.json", """{"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": true, "model_max_length": 1024, "pad_token": {"content": "!"}}""");
        Assert.Equal(["ĠHello"], Pieces("Hello"));
        Assert.Equal(1024, Tokenizer.Load(_folder.Path).MaximumLength);
        Assert.Equal(Tokenizer.Load(_folder.Path).Encode("!", null, 9).Ids[^1], Tokenizer.Load(_folder.Path).PadId);
    }

    [Fact]
    public void RobertaIsReadFromVocabularyAndMerges()
    {
        WriteByteLevel("<s>", "<pad>", "</s>", "<unk>", "<mask>");
        Assert.Equal(["<s>", "Hello", "<mask>", "ĠHello", "</s>", "</s>", "ĠHello", "</s>"], Pieces("Hello <mask> Hello", " Hello"));
        var tokenizer = Tokenizer.Load(_folder.Path);
        Assert.Equal((1, 2, 4), (tokenizer.PadId, tokenizer.EndId, tokenizer.MaskId));
        var tokens = tokenizer.Encode("Hello <mask> Hello", "Hello", 64);
        Assert.Equal([(0, 0), (0, 5), (6, 12), (13, 18), (0, 0), (0, 0), (0, 5), (0, 0)], tokens.Offsets);
        Assert.Equal([-1, 0, 0, 0, -1, -1, 1, -1], tokens.Texts);
        Assert.All(tokens.TypeIds, type => Assert.Equal(0, type));
    }

    [Fact]
    public void LlamaIsReadFromSentencePiece()
    {
        (string, float, int)[] pieces = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), .. Enumerable.Range(0, 256).Select(b => (BytePieces.Name((byte)b), 0f, 6)),
            ("▁a", -1, 1), ("ab", -2, 1), ("▁", -3, 1), ("a", -4, 1), ("b", -5, 1)];
        _folder.Write("tokenizer.model", SentencePieceModel(pieces, kind: 2, []));
        // SentencePiece joins the best piece first: "▁a" before "ab".
        Assert.Equal(["<s>", "▁a", "b", "ab", "▁", "b", "<0xC3>", "<0xA9>"], Pieces("abab bé"));
        Assert.Equal(["<s>", "▁a", "</s>", "▁a"], Pieces("a</s>a"));
        var tokenizer = Tokenizer.Load(_folder.Path);
        Assert.Equal("abab bé", tokenizer.Decode(tokenizer.Encode("abab bé", null, 64).Ids));
    }

    [Fact]
    public void XlmRIsReadFromSentencePieceWithItsOwnIds()
    {
        (string, float, int)[] pieces = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("▁", -2, 1), ("▁ab", -1, 1), ("a", -3, 1), ("b", -3, 1)];
        _folder.Write("sentencepiece.bpe.model", SentencePieceModel(pieces, kind: 1, []));
        var tokenizer = Tokenizer.Load(_folder.Path);
        Assert.Equal(["<s>", "<pad>", "</s>", "<unk>", "▁", "▁ab", "a", "b", "<mask>"], tokenizer.Vocabulary);
        Assert.Equal([0, 5, 4, 7, 6, 3, 2, 2, 8, 5, 2], tokenizer.Encode("ab  ba中国 ", " <mask>ab", 64).Ids);
        Assert.Equal((1, 2, 8), (tokenizer.PadId, tokenizer.EndId, tokenizer.MaskId));
    }

    [Fact]
    public void WindowsCoverTheContextAndShareTheStride()
    {
        WriteByteLevel("<s>", "<pad>", "</s>", "<unk>", "<mask>");
        var tokenizer = Tokenizer.Load(_folder.Path);
        var context = string.Concat(Enumerable.Range(0, 50).Select(i => (char)('a' + (i % 26))));
        var rows = tokenizer.EncodeWindows("qq", context, 20, 5);
        var whole = tokenizer.Encode("qq", context, 1000);
        // 20 - 4 special - 2 of the question = 14 tokens; windows begin 9 apart: 0, 9, 18, 27, 36.
        Assert.Equal([0, 9, 18, 27, 36], rows.Select(row => row.Offsets[row.Texts.IndexOf(1)].Start));
        Assert.Equal([20, 20, 20, 20, 20], rows.Select(row => row.Ids.Length));
        Assert.All(rows, row => Assert.Equal(whole.Ids[..5], row.Ids[..5]));
        Assert.All(rows, row => Assert.All(row.Ids.Zip(row.Offsets, row.Texts).Where(t => t.Third == 1), t => Assert.Equal(whole.Ids[5 + t.Second.Start], t.First)));
        Assert.Equal(whole.Ids, Assert.Single(tokenizer.EncodeWindows("qq", context, 56, 5)).Ids);
        Assert.Equal("ZipLM.SequenceLengthTooSmall", Assert.Throws<ZipLMException>(() => tokenizer.EncodeWindows("qq", context, 11, 5)).ErrorId);
        Assert.Equal(45, tokenizer.EncodeWindows("qq", context, 12, 5).Count);
    }

    [Theory]
    [InlineData("/model/type", "\"WordLevel\"", "WordLevel")]
    [InlineData("/model/dropout", "0.1", "dropout")]
    [InlineData("/model/end_of_word_suffix", "\"</w>\"", "</w>")]
    [InlineData("/normalizer", "{\"type\": \"Nmt\"}", "normalizer is Nmt")]
    [InlineData("/normalizer", "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Odd\"}]}", "Odd")]
    [InlineData("/normalizer", "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"a+\"}, \"content\": \"\"}", "a+")]
    [InlineData("/pre_tokenizer", "{\"type\": \"UnicodeScripts\"}", "pre_tokenizer is UnicodeScripts")]
    [InlineData("/pre_tokenizer", "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}", @"\s+")]
    [InlineData("/pre_tokenizer", "{\"type\": \"Split\", \"pattern\": {\"String\": \" \"}, \"behavior\": \"Removed\", \"invert\": false}", "Removed")]
    [InlineData("/pre_tokenizer", "{\"type\": \"Metaspace\", \"replacement\": \"▁\", \"prepend_scheme\": \"odd\"}", "odd")]
    [InlineData("/post_processor", "{\"type\": \"Odd\"}", "post_processor is Odd")]
    [InlineData("/added_tokens/0/single_word", "true", "single_word")]
    public void OtherKindsAreRefusedByName(string pointer, string value, string part)
    {
        WriteJson(pointer, value);
        var error = LoadError();
        Assert.Equal("ZipLM.TokenizerNotSupported", error.ErrorId);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/model/merges", "[\"H e\", \"x y z\"]")]
    [InlineData("/model/merges", "[\"H zz\"]")]
    [InlineData("/model/vocab", "{}")]
    [InlineData("/model/vocab", "{\"H\": 100000000}")]
    [InlineData("/model/unk_token", "\"<none>\"")]
    [InlineData("/normalizer", "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAEAAA==\"}")]
    [InlineData("/normalizer", "{}")]
    [InlineData("/model", "null")]
    public void BrokenFilesAreErrors(string pointer, string value)
    {
        WriteJson(pointer, value);
        var error = LoadError();
        Assert.Equal("ZipLM.TokenizerFileInvalid", error.ErrorId);
        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherFilesSayWhatIsWrong()
    {
        Assert.Equal("ZipLM.TokenizerNotFound", LoadError().ErrorId);
        WriteByteLevel("<|endoftext|>");
        _folder.Write("merges.txt", "#version\nH e l\n");
        Assert.Contains("merges.txt", LoadError().Message, StringComparison.Ordinal);
        _folder.Write("merges.txt", Merges);
        _folder.Write("tokenizer_config.json", """{"tokenizer_class": "CLIPTokenizer"}""");
        Assert.Contains("CLIPTokenizer", LoadError().Message, StringComparison.Ordinal);

        File.Delete(Path.Combine(_folder.Path, "vocab.json"));
        _folder.Write("tokenizer.model", SentencePieceModel([("<unk>", 0, 2), ("<s>", 0, 3), ("a", 0, 1)], kind: 1, []));
        Assert.Equal("ZipLM.TokenizerNotSupported", LoadError().ErrorId);
        _folder.Write("tokenizer.model", [10, 200, 1, 5]);
        Assert.Equal("ZipLM.TokenizerFileInvalid", LoadError().ErrorId);
        _folder.Write("tokenizer.model", []);
        Assert.Equal("ZipLM.TokenizerFileInvalid", LoadError().ErrorId);
    }

    /// <summary>GPT-2's tokenizer.json with one place changed.</summary>
    private void WriteJson(string pointer, string value)
    {
        WriteByteLevel("<|endoftext|>");
        Tokenizer.Load(_folder.Path).Save(_folder.Path);
        var path = Path.Combine(_folder.Path, "tokenizer.json");
        var root = JsonNode.Parse(File.ReadAllText(path))!;
        var keys = pointer[1..].Split('/');
        var parent = keys[..^1].Aggregate(root, (node, key) => node is JsonArray array ? array[key[0] - '0']! : node[key]!);
        parent[keys[^1]] = JsonNode.Parse(value);
        File.WriteAllText(path, root.ToJsonString());
    }

    /// <summary>A model file by the format's field numbers: pieces (1), trainer (2) with its kind (3), normaliser (3) with its table (2).</summary>
    private static byte[] SentencePieceModel((string Text, float Score, int Kind)[] pieces, int kind, byte[] table)
    {
        using var file = new MemoryStream();
        using var output = new CodedOutputStream(file);
        foreach (var (text, score, type) in pieces)
        {
            Message(output, 1, piece =>
            {
                piece.WriteTag(1, WireFormat.WireType.LengthDelimited);
                piece.WriteString(text);
                piece.WriteTag(2, WireFormat.WireType.Fixed32);
                piece.WriteFloat(score);
                piece.WriteTag(3, WireFormat.WireType.Varint);
                piece.WriteEnum(type);
            });
        }

        Message(output, 2, trainer =>
        {
            trainer.WriteTag(3, WireFormat.WireType.Varint);
            trainer.WriteEnum(kind);
        });
        Message(output, 3, normalizer =>
        {
            normalizer.WriteTag(2, WireFormat.WireType.LengthDelimited);
            normalizer.WriteBytes(ByteString.CopyFrom(table));
        });
        output.Flush();
        return file.ToArray();
    }

    private static void Message(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using var inner = new CodedOutputStream(bytes);
        write(inner);
        inner.Flush();
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(bytes.ToArray()));
    }
}
