namespace ZipLM.Engine.Data;

/// <summary>A question and a context of any length as windows that a model answers one by one.</summary>
internal static class SpanWindows
{
    /// <summary>Tokens of a question that are read, as the published scripts have it; what comes later is cut.</summary>
    private const int QuestionTokens = 64;

    /// <summary>Tokens that neighbouring windows share, at this length: 128 of 384, as the published scripts have it, and in that proportion.</summary>
    public static int DefaultStride(int maximumLength) => Math.Min(128, maximumLength / 3);

    /// <summary>
    /// The windows. The span is that of the first answer; in a window that does not hold all of it, the first token, which no
    /// answer begins with. A text without a context, which serves to calibrate, is cut to one row.
    /// </summary>
    /// <exception cref="ZipLMException">The maximum leaves no room for a context.</exception>
    public static IEnumerable<EncodedExample> Encode(TextExample example, int row, Tokenizer tokenizer, int maximumLength, int? stride)
    {
        if (example.TextPair is not { } context)
        {
            var single = tokenizer.Encode(example.Text, null, maximumLength);
            yield return new(single.Ids, single.TypeIds, null) { Row = row, Texts = single.Texts, Offsets = single.Offsets };
            yield break;
        }

        var question = Shortened(example.Text, tokenizer, Math.Min(QuestionTokens, maximumLength / 2));
        var shared = stride ?? Math.Min(DefaultStride(maximumLength), Math.Max(0, Room(question, tokenizer, maximumLength) / 2));
        foreach (var tokens in tokenizer.EncodeWindows(question, context, maximumLength, shared))
        {
            yield return new(tokens.Ids, tokens.TypeIds, null)
            {
                Row = row,
                Texts = tokens.Texts,
                Offsets = tokens.Offsets,
                Span = example.Answers is [var answer, ..] ? Find(tokens, answer) ?? (0, 0) : null,
            };
        }
    }

    /// <summary>First and last token of the context that an answer touches, or null where a part of it lies outside the window.</summary>
    private static (int Start, int End)? Find(TokenizedText tokens, TextAnswer answer)
    {
        var end = answer.Start + answer.Text.Length;
        int? first = null, last = null;
        for (var t = 0; t < tokens.Ids.Length; t++)
        {
            if (tokens.Texts[t] == 1 && tokens.Offsets[t].End > answer.Start && tokens.Offsets[t].Start < end)
            {
                first ??= t;
                last = t;
            }
        }

        // A window that begins or ends within the answer holds tokens of it, but not the outermost.
        return first is { } f && last is { } l && tokens.Offsets[f].Start <= answer.Start && tokens.Offsets[l].End >= end ? (f, l) : null;
    }

    private static string Shortened(string question, Tokenizer tokenizer, int limit)
    {
        var words = Words(tokenizer.Encode(question, null, int.MaxValue));
        return words.Count <= limit ? question : question[..words[limit - 1].End];
    }

    private static int Room(string question, Tokenizer tokenizer, int maximumLength) =>
        maximumLength - tokenizer.Encode(question, string.Empty, int.MaxValue).Ids.Length;

    private static List<(int Start, int End)> Words(TokenizedText tokens) => [.. tokens.Offsets.Where((_, i) => tokens.Texts[i] == 0)];
}
