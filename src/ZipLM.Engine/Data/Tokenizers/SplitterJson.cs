using System.Text.Json;
using System.Text.Json.Nodes;

namespace ZipLM.Engine.Data;

/// <summary>Reads the <c>pre_tokenizer</c> of <c>tokenizer.json</c>.</summary>
internal static class SplitterJson
{
    public static IReadOnlyList<ISplitter> Read(JsonElement? part, JsonObject config) =>
        [.. part.Flatten("pretokenizers").Select(step => Single(step, config))];

    private static ISplitter Single(JsonElement part, JsonObject config) => part.Kind() switch
    {
        "ByteLevel" => new ByteLevelSplitter(AddsPrefixSpace(config) ?? part.Flag("add_prefix_space") ?? true, part.Flag("use_regex") ?? true),
        "Metaspace" => Metaspace(part),
        "Split" => Split(part),
        "Whitespace" => new PatternSplitter(SplitPatterns.Words(), keepsGaps: false),
        "WhitespaceSplit" => new PatternSplitter(SplitPatterns.NotSpace(), keepsGaps: false),
        "Digits" => new PatternSplitter(part.Flag("individual_digits") ?? false ? SplitPatterns.Digits() : SplitPatterns.Numbers(), keepsGaps: true),
        "BertPreTokenizer" => new BertWordSplitter(),
        var other => throw new UnsupportedTokenizerException($"its pre_tokenizer is {other}"),
    };

    /// <summary>The classes of GPT-2 and RoBERTa let the config overrule the tokenizer file.</summary>
    private static bool? AddsPrefixSpace(JsonObject config) => TokenizerConfig.Class(config) is "GPT2Tokenizer" or "RobertaTokenizer"
        ? config["add_prefix_space"]?.GetValue<bool>() : null;

    /// <summary>Older files have <c>add_prefix_space</c> where newer ones have <c>prepend_scheme</c>.</summary>
    private static MetaspaceSplitter Metaspace(JsonElement part)
    {
        var replacement = part.Text("replacement") is [var character] ? character : throw new UnsupportedTokenizerException("its Metaspace replaces spaces by no single character");
        var scheme = part.Text("prepend_scheme") switch
        {
            "always" => PrefixScheme.Always,
            "first" => PrefixScheme.First,
            "never" => PrefixScheme.Never,
            null => part.Flag("add_prefix_space") ?? true ? PrefixScheme.Always : PrefixScheme.Never,
            var other => throw new UnsupportedTokenizerException($"its Metaspace has the prepend_scheme {other}"),
        };
        return new MetaspaceSplitter(replacement, scheme, part.Flag("split") ?? true);
    }

    private static PatternSplitter Split(JsonElement part)
    {
        var behavior = part.Text("behavior");
        if (part.Flag("invert") == true || behavior != "Isolated")
        {
            throw new UnsupportedTokenizerException($"its Split has the behavior {behavior}{(part.Flag("invert") == true ? ", inverted" : "")}");
        }

        return part.GetProperty("pattern").Text("Regex") is { } pattern ? new PatternSplitter(SplitPatterns.Find(pattern), keepsGaps: true)
            : throw new UnsupportedTokenizerException("its Split has a pattern that is no regular expression");
    }
}
