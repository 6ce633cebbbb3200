using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

public sealed class BertTokenizerFilesTests : IDisposable
{
    private const string Vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncafe\nCafé\n##s\n\"\n中\n";
    private const string Text = "Cafés \"中\" cafe [SEP] <ent> x";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private int[] Ids() => BertTokenizer.Load(_folder.Path).Encode(Text, null, 64).Ids;

    private ZipLMException LoadError() => Assert.Throws<ZipLMException>(() => BertTokenizer.Load(_folder.Path));

    [Fact]
    public void VocabularyTextAloneIsUncased()
    {
        _folder.Write("vocab.txt", Vocabulary);
        Assert.Equal([2, 5, 7, 8, 9, 8, 5, 3, 1, 1, 1, 1, 3], Ids());
        Assert.Equal(10, BertTokenizer.Load(_folder.Path).Count);
        Assert.Null(BertTokenizer.Load(_folder.Path).Options.MaximumLength);
    }

    [Theory]
    [InlineData("{\"do_lower_case\": false, \"model_max_length\": 512}", 512)]
    [InlineData("{\"do_lower_case\": false, \"strip_accents\": null, \"model_max_length\": 1000000000000000019884624838656}", null)]
    public void TheConfigSaysHowToRead(string config, int? maximum)
    {
        _folder.Write("vocab.txt", Vocabulary);
        _folder.Write("tokenizer_config.json", config);
        Assert.Equal([2, 6, 7, 8, 9, 8, 5, 3, 1, 1, 1, 1, 3], Ids());
        Assert.Equal(maximum, BertTokenizer.Load(_folder.Path).Options.MaximumLength);
    }

    [Fact]
    public void PublishedTokenizerJsonIsRead()
    {
        _folder.Write("vocab.txt", "not\nused\n");
        _folder.Write("tokenizer.json", Published());
        Assert.Equal([2, 5, 7, 8, 9, 8, 5, 3, 10, 1, 3], Ids());
    }

    [Theory]
    [InlineData("/model/type", "\"BPE\"", "model is BPE, not WordPiece")]
    [InlineData("/model/continuing_subword_prefix", "\"@@\"", "@@")]
    [InlineData("/normalizer/type", "\"NFC\"", "normalizer is NFC")]
    [InlineData("/normalizer", "null", "normalizer is none")]
    [InlineData("/pre_tokenizer/type", "\"Whitespace\"", "pre_tokenizer is Whitespace")]
    [InlineData("/post_processor/type", "\"RobertaProcessing\"", "RobertaProcessing")]
    [InlineData("/post_processor/single", "[]", "template")]
    [InlineData("/added_tokens/0/lstrip", "true", "[PAD]")]
    public void OtherKindsAreRefusedByName(string pointer, string value, string part)
    {
        var root = JsonNode.Parse(Published())!;
        var keys = pointer[1..].Split('/');
        var parent = keys[..^1].Aggregate(root, (node, key) => node is JsonArray array ? array[key[0] - '0']! : node[key]!);
        parent[keys[^1]] = JsonNode.Parse(value);
        _folder.Write("tokenizer.json", root.ToJsonString());
        var error = LoadError();
        Assert.Equal("ZipLM.TokenizerNotSupported", error.ErrorId);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"model\": {\"type\": \"WordPiece\"}}")]
    public void BrokenFilesAreErrors(string content)
    {
        _folder.Write("tokenizer.json", content);
        Assert.Equal("ZipLM.TokenizerFileInvalid", LoadError().ErrorId);
    }

    [Fact]
    public void NothingThereOrAnotherEncodingIsAnError()
    {
        Assert.Equal("ZipLM.TokenizerNotFound", LoadError().ErrorId);
        _folder.Write("vocab.txt", [0x63, 0xE9, 0x0A]);
        Assert.Equal("ZipLM.TokenizerFileInvalid", LoadError().ErrorId);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SavedFilesGiveTheSameTokensEachAlone(bool lowerCase)
    {
        string[] vocabulary = [.. Vocabulary.Split('\n', StringSplitOptions.RemoveEmptyEntries), "<ent>"];
        var saved = new BertTokenizer(vocabulary, new BertTokenizerOptions
        {
            LowerCase = lowerCase, StripAccents = lowerCase ? null : false, MaximumLength = 128, AddedTokens = ["<ent>"],
        });
        saved.Save(_folder.Path);
        var ids = saved.Encode(Text, "cafe", 64).Ids;

        var all = BertTokenizer.Load(_folder.Path);
        Assert.Equal(ids, all.Encode(Text, "cafe", 64).Ids);
        Assert.Equal(vocabulary, all.Vocabulary);
        Assert.Equal(saved.Options with { AddedTokens = [] }, all.Options with { AddedTokens = [] });
        Assert.Equal(["<ent>"], all.Options.AddedTokens);

        File.Delete(Path.Combine(_folder.Path, "tokenizer_config.json"));
        Assert.Equal(ids, BertTokenizer.Load(_folder.Path).Encode(Text, "cafe", 64).Ids);

        saved.Save(_folder.Path);
        File.Delete(Path.Combine(_folder.Path, "tokenizer.json"));
        Assert.Equal(saved.Encode("Cafés 中", null, 64).Ids, BertTokenizer.Load(_folder.Path).Encode("Cafés 中", null, 64).Ids);
    }

    /// <summary>What other libraries need in the file, beyond what our own reader looks at.</summary>
    [Fact]
    public void SavedTokenizerJsonHasWhatOthersRead()
    {
        new BertTokenizer(Vocabulary.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Save(_folder.Path);
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder.Path, "tokenizer.json")));
        var root = document.RootElement;
        Assert.Equal("1.0", root.GetProperty("version").GetString());
        var cls = root.GetProperty("post_processor").GetProperty("special_tokens").GetProperty("[CLS]");
        Assert.Equal(2, cls.GetProperty("ids")[0].GetInt32());
        Assert.Equal("[CLS]", cls.GetProperty("tokens")[0].GetString());
        Assert.Equal(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], root.GetProperty("added_tokens").EnumerateArray().Select(t => t.GetProperty("content").GetString()));
        Assert.Equal("WordPiece", root.GetProperty("decoder").GetProperty("type").GetString());
        Assert.Equal(10, root.GetProperty("model").GetProperty("vocab").EnumerateObject().Count());
        Assert.Equal(Vocabulary, File.ReadAllText(Path.Combine(_folder.Path, "vocab.txt")));
    }

    /// <summary>The layout of the tokenizer.json that bert-base-uncased is published with, and one added token.</summary>
    private static string Published()
    {
        static string Added(int id, string content, bool special) =>
            $$"""{"id":{{id}},"special":{{(special ? "true" : "false")}},"content":"{{content}}","single_word":false,"lstrip":false,"rstrip":false,"normalized":false}""";
        return $$$$"""
            {"version":"1.0","truncation":null,"padding":null,
             "added_tokens":[{{{{Added(0, "[PAD]", true)}}}},{{{{Added(1, "[UNK]", true)}}}},{{{{Added(2, "[CLS]", true)}}}},{{{{Added(3, "[SEP]", true)}}}},{{{{Added(4, "[MASK]", true)}}}},{{{{Added(10, "<ent>", false)}}}}],
             "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
             "pre_tokenizer":{"type":"BertPreTokenizer"},
             "post_processor":{"type":"TemplateProcessing",
               "single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],
               "pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}},{"Sequence":{"id":"B","type_id":1}},{"SpecialToken":{"id":"[SEP]","type_id":1}}],
               "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}}},
             "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
             "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
               "vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"cafe":5,"Café":6,"##s":7,"\"":8,"中":9}}}
            """;
    }
}
