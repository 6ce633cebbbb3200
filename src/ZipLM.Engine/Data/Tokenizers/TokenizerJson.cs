using System.Text.Json;
using System.Text.Json.Nodes;

namespace ZipLM.Engine.Data;

/// <summary>Reads the BPE and Unigram kinds of <c>tokenizer.json</c>; whatever would give other tokens is refused by name.</summary>
internal static class TokenizerJson
{
    public const string WordPieceKind = "WordPiece";

    /// <summary>The kind of the model. Old files don't name it; each kind has a part that the others lack.</summary>
    public static string Kind(JsonElement root)
    {
        var model = root.Part("model") ?? throw new FormatException("it has no model");
        return model.Text("type") ?? (model.Part("merges") is not null ? "BPE" : model.Part("vocab")?.ValueKind == JsonValueKind.Array ? "Unigram"
            : model.Part("max_input_chars_per_word") is not null ? WordPieceKind : "WordLevel");
    }

    public static PipelineParts Read(JsonElement root, JsonObject config)
    {
        var model = root.GetProperty("model");
        var (pieces, subwords) = Kind(root) switch
        {
            "BPE" => BytePairs(model),
            "Unigram" => Unigram(model),
            var other => throw new UnsupportedTokenizerException($"its model is {other}, not WordPiece, BPE or Unigram"),
        };

        var normalizers = NormalizerJson.Read(root.Part("normalizer"));
        var splitters = SplitterJson.Read(root.Part("pre_tokenizer"), config);
        var (template, trimming) = TemplateJson.Read(root.Part("post_processor"));
        var added = ReadAdded(root).ToList();
        return new PipelineParts
        {
            Vocabulary = PieceOrder.Of([.. pieces, .. added.Select(token => (token.Token.Content, token.Token.Id))]),
            Literal = new AddedTokens(added.Where(token => !token.IsNormalized).Select(token => token.Token)),
            Normalizers = normalizers,
            Normalized = new AddedTokens(added.Where(token => token.IsNormalized).Select(token => Normalized(token.Token, normalizers))),
            Splitters = splitters,
            Model = subwords,
            Template = template,
            Trimming = trimming,
            SpecialIds = added.Where(token => token.Token.IsSpecial).Select(token => token.Token.Id).ToHashSet(),
            IsByteLevel = splitters.Any(splitter => splitter is ByteLevelSplitter),
        };
    }

    private static (List<(string, int)> Pieces, ISubwordModel Model) BytePairs(JsonElement model)
    {
        if (model.Part("dropout")?.GetDouble() > 0) throw new UnsupportedTokenizerException("its BPE model has dropout");
        foreach (var affix in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model.Text(affix) is { Length: > 0 } text) throw new UnsupportedTokenizerException($"its BPE model has the {affix} '{text}'");
        }

        var pieces = model.GetProperty("vocab").EnumerateObject().Select(piece => (piece.Name, piece.Value.GetInt32())).ToList();
        var ids = Ids(pieces);
        var merges = model.GetProperty("merges").EnumerateArray().Select(Pair).ToList();
        return (pieces, new BytePairModel(ids, merges, new BytePairOptions
        {
            UnknownId = model.Text("unk_token") is not { } unknown ? null : ids.TryGetValue(unknown, out var id) ? id
                : throw new FormatException($"its unknown token '{unknown}' is not in the vocabulary"),
            FusesUnknown = model.Flag("fuse_unk") ?? false,
            ByteFallback = model.Flag("byte_fallback") ?? false,
            WholeWordsFirst = model.Flag("ignore_merges") ?? false,
        }));
    }

    /// <summary>A merge: two pieces in an array, or in one string with a space between them.</summary>
    private static (string Left, string Right) Pair(JsonElement merge) => merge.ValueKind == JsonValueKind.Array
        ? merge.GetArrayLength() == 2 ? (merge[0].GetString()!, merge[1].GetString()!) : throw new FormatException("a merge does not name two pieces")
        : Pair(merge.GetString()!);

    /// <summary>Two pieces with a space between them.</summary>
    public static (string Left, string Right) Pair(string merge) => merge.Split(' ') is [{ Length: > 0 } left, { Length: > 0 } right]
        ? (left, right) : throw new FormatException($"the merge '{merge}' does not name two pieces");

    private static (List<(string, int)> Pieces, ISubwordModel Model) Unigram(JsonElement model)
    {
        var entries = model.GetProperty("vocab").EnumerateArray().ToList();
        var pieces = entries.Select((entry, id) => (entry[0].GetString()!, id)).ToList();
        var unknown = model.Part("unk_id")?.GetInt32() ?? throw new UnsupportedTokenizerException("its Unigram model has no unk_id");
        if (unknown < 0 || unknown >= pieces.Count) throw new FormatException($"its unk_id {unknown} is not in the vocabulary of {pieces.Count} pieces");
        double[] scores = [.. entries.Select(entry => entry[1].GetDouble())];
        return (pieces, new UnigramModel(Ids(pieces), scores, unknown, model.Flag("byte_fallback") ?? false));
    }

    /// <summary>Ids by piece; of a repeated piece the last one counts.</summary>
    private static Dictionary<string, int> Ids(List<(string Piece, int Id)> pieces)
    {
        if (pieces.Count == 0) throw new FormatException("the vocabulary is empty");
        var ids = new Dictionary<string, int>(pieces.Count, StringComparer.Ordinal);
        foreach (var (piece, id) in pieces) ids[piece] = id;
        return ids;
    }

    private static IEnumerable<(AddedToken Token, bool IsNormalized)> ReadAdded(JsonElement root)
    {
        foreach (var token in root.Part("added_tokens")?.EnumerateArray() ?? [])
        {
            var content = token.GetProperty("content").GetString()!;
            if (token.Flag("single_word") == true) throw new UnsupportedTokenizerException($"its added token '{content}' has single_word");
            yield return (new AddedToken(content, token.GetProperty("id").GetInt32(), token.Flag("special") ?? false,
                token.Flag("lstrip") ?? false, token.Flag("rstrip") ?? false), token.Flag("normalized") ?? false);
        }
    }

    private static AddedToken Normalized(AddedToken token, IReadOnlyList<INormalizer> normalizers)
    {
        var text = normalizers.Aggregate(NormalizedText.Of(token.Content, 0, token.Content.Length), (part, step) => step.Normalize(part));
        return token with { Content = text.Slice(0, text.Length).ToString() };
    }
}
