using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Reads the WordPiece kind of <c>tokenizer.json</c>; whatever would give other tokens than BERT's is refused by name.</summary>
internal static class WordPieceJson
{
    private static readonly string[] SingleTemplate = ["[CLS]:0", "A:0", "[SEP]:0"];
    private static readonly string[] PairTemplate = ["[CLS]:0", "A:0", "[SEP]:0", "B:1", "[SEP]:1"];

    public static (string[] Vocabulary, BertTokenizerOptions Options) Read(JsonElement root)
    {
        var model = root.GetProperty("model");
        RequireType("model", model, "WordPiece");
        Require("unknown token", model.Text("unk_token") ?? BertSpecialTokens.Unknown, BertSpecialTokens.Unknown);
        Require("continuation prefix", model.Text("continuing_subword_prefix") ?? WordPiece.Continuation, WordPiece.Continuation);
        RequireType("pre_tokenizer", root.GetProperty("pre_tokenizer"), "BertPreTokenizer");
        RequireTemplate(root);

        var normalizer = root.GetProperty("normalizer");
        RequireType("normalizer", normalizer, "BertNormalizer");

        var ids = model.GetProperty("vocab").EnumerateObject().Select(piece => (Piece: piece.Name, Id: piece.Value.GetInt32())).ToList();
        var added = ReadAddedTokens(root);
        var options = Normalizer(normalizer) with
        {
            MaximumWordLength = model.TryGetProperty("max_input_chars_per_word", out var most) ? most.GetInt32() : 100,
            AddedTokens = [.. added.Select(token => token.Piece).Except(BertSpecialTokens.All, StringComparer.Ordinal)],
        };
        return (PieceOrder.Of([.. ids, .. added]), options);
    }

    /// <summary>What a BertNormalizer says.</summary>
    public static BertTokenizerOptions Normalizer(JsonElement normalizer) => new()
    {
        CleanText = normalizer.Flag("clean_text") ?? true,
        SplitChineseCharacters = normalizer.Flag("handle_chinese_chars") ?? true,
        LowerCase = normalizer.Flag("lowercase") ?? true,
        StripAccents = normalizer.Flag("strip_accents"),
    };

    private static List<(string Piece, int Id)> ReadAddedTokens(JsonElement root)
    {
        var result = new List<(string, int)>();
        if (!root.TryGetProperty("added_tokens", out var tokens) || tokens.ValueKind == JsonValueKind.Null) return result;
        foreach (var token in tokens.EnumerateArray())
        {
            var content = token.GetProperty("content").GetString()!;
            foreach (var trait in (string[])["normalized", "lstrip", "rstrip", "single_word"])
            {
                if (token.Flag(trait) == true) throw new UnsupportedTokenizerException($"its added token '{content}' has {trait}");
            }

            result.Add((content, token.GetProperty("id").GetInt32()));
        }

        return result;
    }

    private static void RequireTemplate(JsonElement root)
    {
        if (!root.TryGetProperty("post_processor", out var processor) || processor.ValueKind == JsonValueKind.Null)
        {
            throw new UnsupportedTokenizerException("it has no post_processor that adds [CLS] and [SEP]");
        }

        if (processor.Text("type") == "BertProcessing")
        {
            Require("classifier token", processor.GetProperty("cls")[0].GetString(), BertSpecialTokens.Classifier);
            Require("separator token", processor.GetProperty("sep")[0].GetString(), BertSpecialTokens.Separator);
            return;
        }

        RequireType("post_processor", processor, "TemplateProcessing");
        Require("template", Template(processor, "single"), string.Join(' ', SingleTemplate));
        Require("template of pairs", Template(processor, "pair"), string.Join(' ', PairTemplate));
    }

    private static string Template(JsonElement processor, string name) => string.Join(' ', processor.GetProperty(name)
        .EnumerateArray().SelectMany(item => item.EnumerateObject())
        .Select(item => $"{item.Value.GetProperty("id").GetString()}:{item.Value.GetProperty("type_id").GetInt32()}"));

    private static void RequireType(string part, JsonElement element, string type) =>
        Require(part, element.ValueKind == JsonValueKind.Null ? "none" : element.Text("type") ?? "of no type", type);

    private static void Require(string part, string? actual, string expected)
    {
        if (!string.Equals(actual, expected, StringComparison.Ordinal))
        {
            throw new UnsupportedTokenizerException($"its {part} is {actual}, not {expected}");
        }
    }
}
