namespace ZipLM.Engine.Data;

/// <summary>A text of any length as windows of a causal language model: of all tokens but the first, each is told once.</summary>
internal static class TextWindows
{
    /// <summary>The windows: each but the first begins with the last <paramref name="stride"/> tokens of the one before, which are read and not told again.</summary>
    /// <param name="stride">Tokens that neighbouring windows share, 0 … length − 1. With 0 the first token of each window has nothing before it and is not told.</param>
    public static IEnumerable<EncodedExample> Encode(TextExample example, int row, Tokenizer tokenizer, int maximumLength, int stride)
    {
        RequireStride(maximumLength, stride);
        var tokens = tokenizer.Encode(example.Text, example.TextPair, int.MaxValue);
        // A text with nothing in it is one empty row, so that rows can be counted; a model needs a token all the same.
        if (tokens.Ids.Length == 0)
        {
            yield return new([tokenizer.EndId ?? tokenizer.PadId], [0], null) { Row = row };
        }

        for (var start = 0; start < tokens.Ids.Length; start += maximumLength - stride)
        {
            var end = Math.Min(start + maximumLength, tokens.Ids.Length);
            yield return new(tokens.Ids[start..end], tokens.TypeIds[start..end], null) { Row = row, FirstScored = start == 0 ? 1 : Math.Max(stride, 1) };
            if (end == tokens.Ids.Length)
            {
                break;
            }
        }
    }

    private static void RequireStride(int maximumLength, int stride)
    {
        if (stride < 0 || stride >= maximumLength)
        {
            throw new ZipLMException("StrideInvalid", ErrorKind.InvalidArgument,
                $"Windows of {maximumLength} tokens cannot share {stride}.", $"Give a -Stride from 0 to {maximumLength - 1}.", stride);
        }
    }
}
