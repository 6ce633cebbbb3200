using System.Text;
using System.Text.Json.Nodes;

namespace ZipLM.Engine.Data;

/// <summary>Translates <c>vocab.json</c> and <c>merges.txt</c> of GPT-2 and RoBERTa into <c>tokenizer.json</c>.</summary>
internal static class ByteLevelFiles
{
    public const string Vocabulary = "vocab.json";
    public const string Merges = "merges.txt";

    private static readonly string[] RobertaTokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

    /// <summary>One merge a line, after a line with the file's version.</summary>
    public static List<string> ReadMerges(byte[] file)
    {
        var merges = new List<string>();
        foreach (var line in Encoding.UTF8.GetString(file).TrimStart('\ufeff').Split('\n').Select(line => line.TrimEnd('\r')))
        {
            if (line.Length == 0 || line.StartsWith("#version", StringComparison.Ordinal)) continue;
            TokenizerJson.Pair(line);
            merges.Add(line);
        }

        return merges;
    }

    public static byte[] Translate(byte[] vocabulary, List<string> merges, JsonObject config)
    {
        if (TokenizerConfig.Class(config) is { } name and not ("GPT2Tokenizer" or "RobertaTokenizer" or "PreTrainedTokenizer"))
        {
            throw new UnsupportedTokenizerException($"its tokenizer_class is {name}; from {Vocabulary} and {Merges} only GPT2Tokenizer and RobertaTokenizer are read");
        }

        var ids = JsonNode.Parse(vocabulary) as JsonObject ?? throw new FormatException("it holds no JSON object");
        var isRoberta = RobertaTokens.All(ids.ContainsKey);
        var addsPrefix = config["add_prefix_space"]?.GetValue<bool>() ?? false;
        int Id(string token) => ids[token]!.GetValue<int>();
        var added = (isRoberta ? RobertaTokens : ["<|endoftext|>"]).Where(ids.ContainsKey)
            .Select(token => JsonDefinition.AddedToken(token, Id(token), eatsLeft: token == "<mask>"));
        return JsonDefinition.Write(
            [.. added],
            normalizer: null,
            JsonDefinition.Part("ByteLevel", ("add_prefix_space", addsPrefix), ("trim_offsets", true), ("use_regex", true)),
            isRoberta
                ? JsonDefinition.Part("RobertaProcessing", ("sep", new JsonArray("</s>", Id("</s>"))), ("cls", new JsonArray("<s>", Id("<s>"))), ("trim_offsets", true), ("add_prefix_space", addsPrefix))
                : JsonDefinition.Part("ByteLevel", ("add_prefix_space", true), ("trim_offsets", false), ("use_regex", true)),
            JsonDefinition.Part("ByteLevel", ("add_prefix_space", true), ("trim_offsets", true), ("use_regex", true)),
            JsonDefinition.Part("BPE", ("dropout", null), ("unk_token", null), ("continuing_subword_prefix", ""), ("end_of_word_suffix", ""),
                ("fuse_unk", false), ("byte_fallback", false), ("vocab", ids), ("merges", new JsonArray([.. merges.Select(merge => (JsonNode)merge)]))));
    }
}
