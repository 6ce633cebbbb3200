using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace ZipLM.Engine.Data;

/// <summary>Splits words by a pattern.</summary>
/// <param name="pattern">What is looked for in each word.</param>
/// <param name="keepsGaps">What lies between the matches is a word too; otherwise it is dropped.</param>
internal sealed class PatternSplitter(Regex pattern, bool keepsGaps) : ISplitter
{
    public SplitText Split(SplitText text)
    {
        var words = new List<(int Start, int End)>(text.Text.Length / 4 + 4);
        foreach (var (start, end) in text.Words)
        {
            var characters = text.Text.Slice(start, end);
            if (characters.ContainsAnyInRange('\ud800', '\udfff')) SplitAstral(characters, start, words);
            else Split(characters, start, words);
        }

        return text with { Words = words };
    }

    private void Split(ReadOnlySpan<char> characters, int start, List<(int Start, int End)> words)
    {
        var done = 0;
        foreach (var match in pattern.EnumerateMatches(characters))
        {
            if (match.Length == 0) continue;
            if (keepsGaps && match.Index > done) words.Add((start + done, start + match.Index));
            done = match.Index + match.Length;
            words.Add((start + match.Index, start + done));
        }

        if (keepsGaps && done < characters.Length) words.Add((start + done, start + characters.Length));
    }

    /// <summary>.NET's patterns see surrogates, not characters: for the match, each pair is one character of the same class from the basic plane.</summary>
    private void SplitAstral(ReadOnlySpan<char> characters, int start, List<(int Start, int End)> words)
    {
        var stand = new char[characters.Length];
        var places = new int[characters.Length + 1];
        var count = 0;
        for (var at = 0; at < characters.Length; count++)
        {
            Rune.DecodeFromUtf16(characters[at..], out var rune, out var length);
            stand[count] = rune.IsBmp ? (char)rune.Value : StandIn(rune);
            places[count] = at;
            at += length;
        }

        places[count] = characters.Length;
        var first = words.Count;
        Split(stand.AsSpan(0, count), 0, words);
        for (var i = first; i < words.Count; i++) words[i] = (start + places[words[i].Start], start + places[words[i].End]);
    }

    private static char StandIn(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        <= UnicodeCategory.OtherLetter => '\u00aa',
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => '\u0300',
        UnicodeCategory.DecimalDigitNumber => '\u0660',
        UnicodeCategory.LetterNumber => '\u2160',
        UnicodeCategory.OtherNumber => '\u00b2',
        _ => '\u00a7',
    };
}
