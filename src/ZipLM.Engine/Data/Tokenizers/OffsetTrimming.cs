namespace ZipLM.Engine.Data;

/// <summary>Takes the spaces that byte-level pieces begin or end with out of their offsets.</summary>
/// <param name="AddsPrefixSpace">The text's first piece may begin with a space that is not in the text and so not in its offsets.</param>
internal sealed record OffsetTrimming(bool AddsPrefixSpace)
{
    public (int Start, int End) Trim(string piece, int start, int end)
    {
        var leading = piece.Length - piece.AsSpan().TrimStart(ByteAlphabet.Space).Length;
        var trailing = piece.Length - piece.AsSpan().TrimEnd(ByteAlphabet.Space).Length;
        if (leading == 1 && start == 0 && AddsPrefixSpace) leading = 0;
        start = Math.Min(start + leading, end);
        return (start, Math.Max(end - trailing, start));
    }
}
