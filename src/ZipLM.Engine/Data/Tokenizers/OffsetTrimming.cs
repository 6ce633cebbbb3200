namespace ZipLM.Engine.Data;

/// <summary>Takes the spaces that byte-level tokens begin or end with out of their offsets.</summary>
/// <param name="AddsPrefixSpace">A single space at the very beginning may be the tokenizer's own and stays; so do the published tokenizers.</param>
internal sealed record OffsetTrimming(bool AddsPrefixSpace)
{
    /// <summary>The range of a piece without its spaces, as far as the text has them.</summary>
    public (int Start, int End) Trim(string text, string piece, int start, int end)
    {
        var leading = piece.Length - piece.AsSpan().TrimStart(ByteAlphabet.Space).Length;
        if (leading == 1 && start == 0 && AddsPrefixSpace) return piece.Length == 1 ? (0, 0) : (start, end);
        if (leading > 0 && leading == piece.Length) return start < end && text[start] == ' ' ? (end, end) : (start, start);
        for (; leading > 0 && start < end && text[start] == ' '; leading--) start++;
        return (start, end);
    }

    /// <summary>The range of an added token without the whitespace that it has eaten.</summary>
    public static (int Start, int End) TrimAdded(string text, int start, int end)
    {
        while (start < end && char.IsWhiteSpace(text[start])) start++;
        while (end > start && char.IsWhiteSpace(text[end - 1])) end--;
        return (start, end);
    }
}
