using System.Text.Json.Nodes;
using Google.Protobuf;

namespace ZipLM.Engine.Data;

/// <summary>Translates SentencePiece's model file into <c>tokenizer.json</c>, as Hugging Face's converter does for LLaMA and XLM-R.</summary>
internal static class SentencePieceFile
{
    private const int UnigramModel = 1;
    private const int BytePairModel = 2;

    /// <param name="file">The protocol buffer: pieces, then the specifications of training and normalisation.</param>
    /// <param name="isXlmR">Lay ids out as XLM-R does: its own special tokens before the pieces, <c>&lt;mask&gt;</c> after them.</param>
    public static byte[] Translate(byte[] file, bool isXlmR)
    {
        var pieces = new List<SentencePiece>();
        var (kind, charsMap, addsPrefix) = (UnigramModel, Array.Empty<byte>(), true);
        Fields(file, (field, input) =>
        {
            if (field == 1) pieces.Add(Piece(input.ReadBytes().ToByteArray()));
            else if (field == 2) Fields(input.ReadBytes().ToByteArray(), (inner, spec) => Take(inner == 3, spec, () => kind = spec.ReadEnum()));
            else if (field == 3)
            {
                Fields(input.ReadBytes().ToByteArray(), (inner, spec) =>
                {
                    if (inner == 2) charsMap = spec.ReadBytes().ToByteArray();
                    else Take(inner == 3, spec, () => addsPrefix = spec.ReadBool());
                });
            }
            else input.SkipLastField();
        });

        if (pieces.Count == 0) throw new FormatException("it holds no pieces");
        return (kind, isXlmR) switch
        {
            (UnigramModel, true) => Unigram(XlmR(pieces), charsMap, addsPrefix),
            (BytePairModel, false) => BytePairs(pieces, addsPrefix),
            _ => throw new UnsupportedTokenizerException($"its SentencePiece model is {kind switch { 1 => "Unigram", 2 => "BPE", 3 => "word", 4 => "char", _ => "unknown" }}, not {(isXlmR ? "XLM-R's Unigram" : "LLaMA's BPE")}"),
        };
    }

    /// <summary>LLaMA's tokenizer of BPE pieces with their scores, in the order of their ids.</summary>
    public static byte[] BytePairs(IReadOnlyList<SentencePiece> pieces, bool addsPrefix)
    {
        int Id(SentencePieceKind kind, string text) => pieces.Index().FirstOrDefault(p => p.Item.Kind == kind && (text.Length == 0 || p.Item.Text == text), (-1, default)).Index;
        var unknown = Id(SentencePieceKind.Unknown, "");
        var begin = Id(SentencePieceKind.Control, "<s>");
        if (unknown < 0 || begin < 0) throw new FormatException("it lacks an unknown piece or <s>");
        var ids = pieces.Index().GroupBy(p => p.Item.Text).ToDictionary(group => group.Key, group => group.Last().Index, StringComparer.Ordinal);
        var added = pieces.Index().Where(p => p.Item.Kind is SentencePieceKind.Unknown or SentencePieceKind.Control or SentencePieceKind.UserDefined)
            .Select(p => JsonDefinition.AddedToken(p.Item.Text, p.Index));
        var replace = JsonDefinition.Part("Replace", ("pattern", new JsonObject { ["String"] = " " }), ("content", "▁"));
        return JsonDefinition.Write(
            [.. added],
            addsPrefix ? JsonDefinition.Part("Sequence", ("normalizers", new JsonArray(JsonDefinition.Part("Prepend", ("prepend", "▁")), replace))) : replace,
            splitter: null,
            JsonDefinition.Template("<s>:0 A:0", "<s>:0 A:0 <s>:1 B:1", ("<s>", begin)),
            JsonDefinition.Part("Sequence", ("decoders", new JsonArray(
                JsonDefinition.Part("Replace", ("pattern", new JsonObject { ["String"] = "▁" }), ("content", " ")), JsonDefinition.Part("ByteFallback"),
                JsonDefinition.Part("Fuse"), JsonDefinition.Part("Strip", ("content", " "), ("start", 1), ("stop", 0))))),
            JsonDefinition.Part("BPE", ("dropout", null), ("unk_token", pieces[unknown].Text), ("fuse_unk", true),
                ("byte_fallback", pieces.Any(piece => piece.Kind == SentencePieceKind.Byte)),
                ("vocab", Vocabulary(ids)), ("merges", new JsonArray([.. Merges(pieces, ids)]))));
    }

    /// <summary>Every way to put a piece together from two others, best pieces first: SentencePiece merges by score alone.</summary>
    private static IEnumerable<JsonNode> Merges(IReadOnlyList<SentencePiece> pieces, Dictionary<string, int> ids) => pieces
        .Where(piece => piece.Kind == SentencePieceKind.Normal)
        .OrderByDescending(piece => piece.Score)
        .SelectMany(piece => Enumerable.Range(1, Math.Max(piece.Text.Length - 1, 0))
            .Select(at => (Left: piece.Text[..at], Right: piece.Text[at..]))
            .Where(pair => ids.ContainsKey(pair.Left) && ids.ContainsKey(pair.Right))
            .OrderBy(pair => ids[pair.Left]).ThenBy(pair => ids[pair.Right]))
        .Select(pair => (JsonNode)new JsonArray(pair.Left, pair.Right));

    private static JsonObject Vocabulary(Dictionary<string, int> ids)
    {
        var vocabulary = new JsonObject();
        foreach (var (piece, id) in ids.OrderBy(entry => entry.Value)) vocabulary[piece] = id;
        return vocabulary;
    }

    /// <summary>XLM-R's ids are fairseq's: four special tokens of its own in place of the file's first three.</summary>
    private static List<SentencePiece> XlmR(List<SentencePiece> pieces) =>
    [
        .. new[] { "<s>", "<pad>", "</s>", "<unk>" }.Select(text => new SentencePiece(text, 0, SentencePieceKind.Control)),
        .. pieces.Skip(3),
        new SentencePiece("<mask>", 0, SentencePieceKind.Control),
    ];

    private static byte[] Unigram(List<SentencePiece> pieces, byte[] charsMap, bool addsPrefix)
    {
        var normalizers = new JsonArray();
        if (charsMap.Length > 0) normalizers.Add(JsonDefinition.Part("Precompiled", ("precompiled_charsmap", Convert.ToBase64String(charsMap))));
        normalizers.Add(JsonDefinition.Part("Strip", ("strip_left", false), ("strip_right", true)));
        normalizers.Add(JsonDefinition.Part("Replace", ("pattern", new JsonObject { ["Regex"] = " {2,}" }), ("content", "▁")));
        JsonObject Space() => JsonDefinition.Part("Metaspace", ("replacement", "▁"), ("prepend_scheme", addsPrefix ? "always" : "never"), ("split", true));
        string[] special = ["<s>", "<pad>", "</s>", "<unk>"];
        return JsonDefinition.Write(
            [.. special.Select((token, id) => JsonDefinition.AddedToken(token, id)), JsonDefinition.AddedToken("<mask>", pieces.Count - 1, eatsLeft: true)],
            JsonDefinition.Part("Sequence", ("normalizers", normalizers)),
            Space(),
            JsonDefinition.Template("<s>:0 A:0 </s>:0", "<s>:0 A:0 </s>:0 </s>:0 B:0 </s>:0", ("<s>", 0), ("</s>", 2)),
            Space(),
            JsonDefinition.Part("Unigram", ("unk_id", 3), ("vocab", new JsonArray([.. pieces.Select(piece => (JsonNode)new JsonArray(piece.Text, piece.Score))])), ("byte_fallback", false)));
    }

    private static SentencePiece Piece(byte[] message)
    {
        var (text, score, kind) = ("", 0f, SentencePieceKind.Normal);
        Fields(message, (field, input) =>
        {
            if (field == 1) text = input.ReadString();
            else if (field == 2) score = input.ReadFloat();
            else Take(field == 3, input, () => kind = (SentencePieceKind)input.ReadEnum());
        });
        return new SentencePiece(text, score, kind);
    }

    private static void Take(bool wanted, CodedInputStream input, Action read)
    {
        if (wanted) read();
        else input.SkipLastField();
    }

    /// <summary>Goes through a message; the callback reads or skips each field.</summary>
    private static void Fields(byte[] message, Action<int, CodedInputStream> read)
    {
        using var input = new CodedInputStream(message);
        try
        {
            for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag()) read(WireFormat.GetTagFieldNumber(tag), input);
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new FormatException("it is no SentencePiece model, or is cut off", error);
        }
    }
}
