using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

public sealed class BertTokenizerTests
{
    private static readonly string[] Special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

    /// <summary>Pieces of bert-base-uncased at their published ids; unused names elsewhere.</summary>
    private static BertTokenizer Published()
    {
        var vocabulary = Enumerable.Range(0, 30522).Select(id => $"[unused{id}]").ToArray();
        foreach (var (piece, id) in new (string, int)[]
        {
            ("[PAD]", 0), ("[UNK]", 100), ("[CLS]", 101), ("[SEP]", 102), ("[MASK]", 103), ("!", 999), ("$", 1002), ("'", 1005),
            (",", 1010), (".", 1012), ("5", 1019), ("<", 1026), ("a", 1037), ("b", 1038), ("i", 1045), ("中", 1746), ("国", 1799),
            ("is", 2003), ("for", 2005), ("this", 2023), ("my", 2026), ("been", 2042), ("so", 2061), ("life", 2166), ("much", 2172),
            ("ve", 2310), ("course", 2607), ("whole", 2878), ("waiting", 3403), ("dog", 3899), ("hate", 5223), ("hello", 7592),
            ("cafe", 7668), ("cute", 10140), ("##face", 12172), ("hugging", 17662),
        })
        {
            vocabulary[id] = piece;
        }

        return new BertTokenizer(vocabulary);
    }

    private static BertTokenizer Small(params string[] pieces) => new([.. Special, .. pieces]);

    private static string[] Pieces(BertTokenizer tokenizer, string text) =>
        [.. tokenizer.Encode(text, null, int.MaxValue).Ids[1..^1].Select(id => tokenizer.Vocabulary[id])];

    [Theory]
    [InlineData("Hello, my dog is cute", new[] { 101, 7592, 1010, 2026, 3899, 2003, 10140, 102 })]
    [InlineData("I hate this so much!", new[] { 101, 1045, 5223, 2023, 2061, 2172, 999, 102 })]
    [InlineData("I've been waiting for a HuggingFace course my whole life.",
        new[] { 101, 1045, 1005, 2310, 2042, 3403, 2005, 1037, 17662, 12172, 2607, 2026, 2878, 2166, 1012, 102 })]
    [InlineData("$5", new[] { 101, 1002, 1019, 102 })]
    [InlineData("a < b", new[] { 101, 1037, 1026, 1038, 102 })]
    [InlineData("a<b", new[] { 101, 1037, 1026, 1038, 102 })]
    [InlineData("hello\nmy\tdog\r\nis", new[] { 101, 7592, 2026, 3899, 2003, 102 })]
    [InlineData("Café CAFÉ cafe\u0301", new[] { 101, 7668, 7668, 7668, 102 })]
    [InlineData("中国a", new[] { 101, 1746, 1799, 1037, 102 })]
    [InlineData("🙂 hello", new[] { 101, 100, 7592, 102 })]
    [InlineData("he\u0000l\u200bl\u0007o\ufeff", new[] { 101, 7592, 102 })]
    [InlineData("hello\u00a0my\u3000dog", new[] { 101, 7592, 2026, 3899, 102 })]
    [InlineData("hello [SEP] my[MASK]dog [sep]", new[] { 101, 7592, 102, 2026, 103, 3899, 100, 100, 100, 102 })]
    [InlineData("", new[] { 101, 102 })]
    [InlineData(" \n ", new[] { 101, 102 })]
    public void GivesPublishedIds(string text, int[] ids) => Assert.Equal(ids, Published().Encode(text, null, 512).Ids);

    [Fact]
    public void CasedKeepsCaseAndAccents()
    {
        var tokenizer = new BertTokenizer([.. Special, "Café", "cafe", "É"], new BertTokenizerOptions { LowerCase = false });
        Assert.Equal(["Café", "cafe", "[UNK]", "É"], Pieces(tokenizer, "Café cafe café É"));
        var stripped = new BertTokenizer([.. Special, "Cafe"], new BertTokenizerOptions { LowerCase = false, StripAccents = true });
        Assert.Equal(["Cafe"], Pieces(stripped, "Café"));
        var kept = new BertTokenizer([.. Special, "café", "i\u0307"], new BertTokenizerOptions { StripAccents = false });
        Assert.Equal(["café", "i\u0307"], Pieces(kept, "CAFÉ \u0130"));
    }

    [Fact]
    public void WordsOfMoreThan100CharactersAreUnknown()
    {
        var tokenizer = Small("a", "##a", "😀", "##😀");
        Assert.Equal(100, Pieces(tokenizer, new string('a', 100)).Length);
        Assert.Equal(["[UNK]"], Pieces(tokenizer, new string('a', 101)));
        // Characters are code points: 100 emoji are 200 UTF-16 units and still fine.
        Assert.Equal(100, Pieces(tokenizer, string.Concat(Enumerable.Repeat("😀", 100))).Length);
        Assert.Equal(["[UNK]"], Pieces(tokenizer, string.Concat(Enumerable.Repeat("😀", 101))));
    }

    [Fact]
    public void PairsAreTypedAndTruncatedLongestFirst()
    {
        var tokenizer = Small("a", "b");
        int[] Types(int first, int second, int maximum) =>
            tokenizer.Encode(Repeat("a", first), Repeat("b", second), maximum).TypeIds;

        Assert.Equal([0, 0, 0, 1, 1, 1], Types(1, 2, 6));
        // The published cases for a budget of 7 tokens, here plus 3 special ones: (first, second) kept.
        foreach (var (first, second, keptFirst, keptSecond) in new[]
        {
            (0, 8, 0, 7), (2, 4, 2, 4), (2, 8, 2, 5), (4, 4, 3, 4), (4, 8, 3, 4), (8, 0, 7, 0), (8, 2, 5, 2), (8, 4, 4, 3), (8, 8, 3, 4),
        })
        {
            var types = Types(first, second, 10);
            Assert.Equal(keptFirst + 2, types.Count(type => type == 0));
            Assert.Equal(keptSecond + 1, types.Count(type => type == 1));
        }

        Assert.Equal(5, tokenizer.Encode(Repeat("a", 100_000), null, 5).Ids.Length);
    }

    [Theory]
    [InlineData(null, 1)]
    [InlineData("b", 2)]
    public void TooShortAMaximumIsAnError(string? pair, int maximum)
    {
        var error = Assert.Throws<ZipLMException>(() => Small("a", "b").Encode("a", pair, maximum));
        Assert.Equal("ZipLM.SequenceLengthTooSmall", error.ErrorId);
        Assert.Equal(maximum + 1, Small("a", "b").Encode("a a", pair, maximum + 1).Ids.Length);
    }

    [Fact]
    public void OffsetsPointIntoTheOriginalText()
    {
        const string text = "  Ca\u200bfe\u0301, 中x [SEP] $5";
        var tokens = Small("cafe", ",", "中", "x", "$", "5").Encode(text, "x$", 64);
        Assert.Equal(
            ["", "Ca\u200bfe", ",", "中", "x", "[SEP]", "$", "5", ""],
            tokens.Offsets[..9].Select(o => text[o.Start..o.End]));
        Assert.Equal([(0, 1), (1, 2), (0, 0)], tokens.Offsets[9..]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AgreesWithThePublishedAlgorithmOnNastyText(bool lowerCase)
    {
        var vocabulary = NastyVocabulary();
        var tokenizer = new BertTokenizer(vocabulary, new BertTokenizerOptions { LowerCase = lowerCase });
        var reference = new ReferenceBert(vocabulary, lowerCase);
        var random = new Random(7);
        var known = 0;
        for (var trial = 0; trial < 4000; trial++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => Nasty[random.Next(Nasty.Length)]));
            var tokens = tokenizer.Encode(text, null, int.MaxValue);
            Assert.Equal(reference.Tokenize(text), tokens.Ids[1..^1]);
            known += tokens.Ids[1..^1].Count(id => id != tokenizer.UnknownId);

            var end = 0;
            foreach (var (id, (start, stop)) in tokens.Ids.Zip(tokens.Offsets).Skip(1).SkipLast(1))
            {
                Assert.True(start >= end && stop > start, "tokens come one after the other and are never empty");
                end = stop;
                var piece = vocabulary[id];
                if (piece.StartsWith('[')) continue;
                Assert.Equal(piece.StartsWith("##", StringComparison.Ordinal) && piece.Length > 2 ? piece[2..] : piece,
                    reference.Normalize(text[start..stop]).Trim(' '));
            }
        }

        Assert.True(known > 4000, $"only {known} known tokens: the vocabulary does not test the pieces");
    }

    [Fact]
    public void HangulIsDecomposedAndEachPieceKeepsItsSyllable()
    {
        var tokens = Small("\u1112\u1161", "##\u11ab").Encode("x한", null, 16);
        Assert.Equal([1], tokens.Ids[1..^1]);
        tokens = Small("\u1112\u1161", "##\u11ab").Encode(" 한", null, 16);
        Assert.Equal([5, 6], tokens.Ids[1..^1]);
        Assert.Equal([(1, 2), (1, 2)], tokens.Offsets[1..^1]);
    }

    [Fact]
    public void DecodesToWords()
    {
        var tokenizer = Published();
        Assert.Equal("huggingface is cute !", tokenizer.Decode(tokenizer.Encode("HuggingFace is cute!", null, 64).Ids));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([30522]));
    }

    [Fact]
    public void AVocabularyWithoutASpecialTokenIsRefused() =>
        Assert.Equal("ZipLM.TokenizerSpecialTokenMissing",
            Assert.Throws<ZipLMException>(() => new BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "a"])).ErrorId);

    [Fact]
    public void LongTextAndManyTextsComeThrough()
    {
        var tokenizer = Small("a", "##a", "word", "##s", ".");
        // A quarter of a second; what is not linear would take hours.
        Assert.Equal(1, tokenizer.Encode(new string('a', 1_000_000), null, int.MaxValue).Ids[1]);
        Assert.Equal(200_002, tokenizer.Encode(Repeat("words", 100_000), null, int.MaxValue).Ids.Length);
        for (var i = 0; i < 50_000; i++) tokenizer.Encode("words words, a word and words. aaaa words <c>word</c> words word.", null, 64);
    }

    private static string Repeat(string word, int count) => string.Join(' ', Enumerable.Repeat(word, count));

    private static readonly string[] Nasty =
    [
        "a", "b", "c", "A", "B", "e", "é", "É", "e\u0301", "\u0301", "\u0308", "ñ", "ß", "ẞ", "Σ", "σ", "ς", "İ", "ı", "ﬁ", "Å", "\u212b",
        "中", "国", "\uf900", "𠀀", "\U0002f800", "あ", "カ\u3099", "😀", "👩\u200d🚀", "𐐀", "𐐨", "\ud83d", "\ude00", "0", "5", "Ⅷ", "½",
        " ", " ", " ", "\t", "\n", "\r", "\u00a0", "\u3000", "\u2028", "\u0085", "\u000b", "\u200b", "\u00ad", "\ufeff", "\u0000", "\ufffd", "\ue000",
        ".", ",", "$", "<", "^", "`", "~", "#", "##", "'", "’", "«", "—", "。", "§", "€", "_", "[", "]", "[SEP]", "[MASK]", "[sep]", "\U00010100", "\u0e31", "ก", "\u0903",
    ];

    /// <summary>Some, not all, of what the alphabet can spell, in both spellings of case.</summary>
    private static string[] NastyVocabulary()
    {
        string[] parts =
        [
            "a", "b", "ab", "abc", "c", "e", "ea", "ae", "é", "A", "AB", "É", "n", "ñ", "ss", "ß", "σ", "ς", "Σ", "i", "İ", "ﬁ", "a5", "å", "Å", "中", "国", "豈", "𠀀", "丽",
            "あ", "カ", "😀", "𐐨", "𐐀", "0", "5", "50", "ⅷ", "½", ".", ",", "$", "<", "^", "#", "'", "’", "«", "。", "€", "_", "sep", "\U00010100", "ก",
        ];
        return [.. Special, .. parts, .. parts.Select(part => "##" + part)];
    }
}
