using System.Globalization;
using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>
/// BERT's normaliser: cleans text, spaces out Chinese characters, drops accents, lower-cases, in this order.
/// Each step looks at one character alone, so the whole is a map from a character to a string.
/// </summary>
/// <remarks>
/// Decomposing character by character leaves out only the reordering of neighbouring combining marks;
/// the marks that it could reorder are dropped right after.
/// </remarks>
internal sealed class BertNormalizer
{
    private readonly bool _cleanText;
    private readonly bool _splitChinese;
    private readonly bool _lowerCase;
    private readonly bool _stripAccents;

    /// <summary>What each character of the basic plane becomes, filled as characters are met; equal writes may race.</summary>
    private readonly string?[] _known = new string?[char.MaxValue + 1];

    public BertNormalizer(BertTokenizerOptions options)
    {
        _cleanText = options.CleanText;
        _splitChinese = options.SplitChineseCharacters;
        _lowerCase = options.LowerCase;
        _stripAccents = options.StripAccents ?? options.LowerCase;

        // Without ICU, Normalize returns the text unchanged and says nothing: every accented word would get wrong pieces.
        if (_stripAccents && "\u00e9".Normalize(NormalizationForm.FormD).Length != 2)
        {
            throw new ZipLMException("GlobalizationMissing", ErrorKind.ResourceUnavailable,
                "This process runs in .NET's invariant globalization mode and cannot take accents off characters.",
                "Install the ICU libraries (Debian: libicu) and unset DOTNET_SYSTEM_GLOBALIZATION_INVARIANT.");
        }
    }

    /// <summary>Normalises the characters of a text from start (inclusive) to end (exclusive).</summary>
    public NormalizedText Normalize(string text, int start, int end)
    {
        var normalized = new NormalizedText(end - start + 16);
        for (var at = start; at < end;)
        {
            // A lone surrogate decodes as U+FFFD, which is what it would be in a UTF-8 file.
            Rune.DecodeFromUtf16(text.AsSpan(at, end - at), out var rune, out var length);
            normalized.Append(Map(rune), at, at + length);
            at += length;
        }

        return normalized;
    }

    /// <summary>What one character becomes.</summary>
    public string Map(Rune rune) => rune.IsBmp ? _known[rune.Value] ??= Compute(rune) : Compute(rune);

    private string Compute(Rune rune)
    {
        if (_cleanText)
        {
            if (IsDropped(rune)) return "";
            if (Rune.IsWhiteSpace(rune)) return " ";
        }

        var result = rune.ToString();
        if (_stripAccents) result = WithoutAccents(result);
        if (_lowerCase) result = string.Concat(result.EnumerateRunes().Select(LowerCase));
        return _splitChinese && IsChinese(rune.Value) ? $" {result} " : result;
    }

    /// <summary>NUL, the replacement character, and control, format and private-use characters; tab and line ends are whitespace.</summary>
    private static bool IsDropped(Rune rune) => rune.Value switch
    {
        '\t' or '\n' or '\r' => false,
        0xFFFD => true,
        _ => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse,
    };

    private static string WithoutAccents(string text) => string.Concat(text.Normalize(NormalizationForm.FormD).EnumerateRunes()
        .Where(rune => Rune.GetUnicodeCategory(rune) != UnicodeCategory.NonSpacingMark));

    /// <summary>Lower case as Unicode's tables have it, of which .NET's invariant culture leaves out one: dotted capital I.</summary>
    public static string LowerCase(Rune rune) => rune.Value == 0x130 ? "i\u0307" : Rune.ToLowerInvariant(rune).ToString();

    /// <summary>The blocks of unified and compatibility ideographs; kana and hangul are not among them.</summary>
    private static bool IsChinese(int codePoint) => codePoint is
        (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF) or
        (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B820 and <= 0x2CEAF) or
        (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}
