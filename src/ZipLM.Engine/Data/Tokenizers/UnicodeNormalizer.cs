using System.Globalization;
using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>
/// One of Unicode's normalisation forms. Text is taken in chunks of a character and the marks that combine with it,
/// because nothing combines or changes places across their borders; what comes out of a chunk stands for the whole chunk.
/// </summary>
internal sealed class UnicodeNormalizer(NormalizationForm form) : INormalizer
{
    public NormalizedText Normalize(NormalizedText text)
    {
        if (Ascii.IsValid(text.Slice(0, text.Length))) return text;
        var result = new NormalizedText(text.Length + 16);
        for (var at = 0; at < text.Length;)
        {
            var end = at;
            do
            {
                Rune.DecodeFromUtf16(text.Slice(end, text.Length), out _, out var length);
                end += length;
            }
            while (end < text.Length && Combines(text, end));

            AppendChunk(text, at, end, result);
            at = end;
        }

        return result;
    }

    private void AppendChunk(NormalizedText text, int start, int end, NormalizedText result)
    {
        var chunk = text.Slice(start, end).ToString();
        var normal = chunk.Normalize(form);
        if (normal == chunk)
        {
            for (var i = start; i < end; i++) result.Append(text.Slice(i, i + 1), text.OriginalRange(i, i + 1).Start, text.OriginalRange(i, i + 1).End);
            return;
        }

        var original = text.OriginalRange(start, end);
        result.Append(normal, original.Start, original.End);
    }

    /// <summary>Marks, and vowels and finals of Hangul, also where they hide in a compatibility character.</summary>
    private static bool Combines(NormalizedText text, int at)
    {
        if (text[at] < 0x300) return false;
        Rune.DecodeFromUtf16(text.Slice(at, text.Length), out var rune, out _);
        var first = Rune.GetRuneAt(rune.ToString().Normalize(NormalizationForm.FormKD), 0);
        return first.Value is >= 0x1160 and <= 0x11FF || Rune.GetUnicodeCategory(first) is UnicodeCategory.NonSpacingMark
            or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;
    }
}
