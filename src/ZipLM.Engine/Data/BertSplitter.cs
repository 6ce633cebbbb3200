using System.Globalization;
using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>BERT's splitter: words end at whitespace, and every punctuation character is a word of its own.</summary>
internal static class BertSplitter
{
    /// <summary>The words, as ranges of normalised characters.</summary>
    public static IEnumerable<(int Start, int End)> Words(NormalizedText text) => Words(text, 0, text.Length);

    /// <summary>The words in a part of a text.</summary>
    public static IEnumerable<(int Start, int End)> Words(NormalizedText text, int start, int end)
    {
        for (var at = start; at < end;)
        {
            Rune.DecodeFromUtf16(text.Slice(at, Math.Min(at + 2, end)), out var rune, out var length);
            var space = Rune.IsWhiteSpace(rune);
            if (space || IsPunctuation(rune))
            {
                if (start < at) yield return (start, at);
                if (!space) yield return (at, at + length);
                start = at + length;
            }

            at += length;
        }

        if (start < end) yield return (start, end);
    }

    /// <summary>Unicode's punctuation, and all of ASCII that is neither letter, digit, space nor control: <c>$</c>, <c>&lt;</c>, <c>^</c> too.</summary>
    private static bool IsPunctuation(Rune rune) => rune.IsAscii
        ? rune.Value is > ' ' and < 0x7F && !Rune.IsLetterOrDigit(rune)
        : Rune.GetUnicodeCategory(rune) is UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation
            or UnicodeCategory.OpenPunctuation or UnicodeCategory.ClosePunctuation
            or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation
            or UnicodeCategory.OtherPunctuation;
}
