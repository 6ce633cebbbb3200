using System.Text.RegularExpressions;

namespace ZipLM.Engine.Data;

/// <summary>Replaces every match of a pattern; the replacement stands for the match's last character, as in the published tokenizers.</summary>
internal sealed class ReplaceNormalizer(Regex pattern, string replacement) : INormalizer
{
    public NormalizedText Normalize(NormalizedText text)
    {
        var result = new NormalizedText(text.Length + 16);
        var copied = 0;
        foreach (var match in pattern.EnumerateMatches(text.Slice(0, text.Length)))
        {
            if (match.Length == 0) continue;
            result.Append(text, copied, match.Index);
            copied = match.Index + match.Length;
            var (start, end) = text.OriginalRange(copied - 1, copied);
            result.Append(replacement, start, end);
        }

        if (copied == 0) return text;
        result.Append(text, copied, text.Length);
        return result;
    }
}
