using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>GPT-2's splitter: words by its pattern, then every UTF-8 byte as a character of <see cref="ByteAlphabet"/>.</summary>
/// <param name="addsPrefixSpace">A text that does not begin with a space gets one.</param>
/// <param name="splits">Whether it splits by GPT-2's pattern; otherwise an earlier step has split.</param>
internal sealed class ByteLevelSplitter(bool addsPrefixSpace, bool splits) : ISplitter
{
    private static readonly PatternSplitter Pattern = new(SplitPatterns.Gpt2(), keepsGaps: true);

    public SplitText Split(SplitText text)
    {
        if (addsPrefixSpace) text = WithPrefix(text);
        if (splits) text = Pattern.Split(text);
        var bytes = new NormalizedText(text.Text.Length + text.Text.Length / 4 + 4);
        var words = new List<(int Start, int End)>(text.Words.Count);
        foreach (var (start, end) in text.Words)
        {
            var first = bytes.Length;
            AppendBytes(text.Text, start, end, bytes);
            words.Add((first, bytes.Length));
        }

        return new SplitText(bytes, words);
    }

    private static SplitText WithPrefix(SplitText text)
    {
        var result = new NormalizedText(text.Text.Length + text.Words.Count);
        var words = new List<(int Start, int End)>(text.Words.Count);
        foreach (var (start, end) in text.Words)
        {
            var first = result.Length;
            if (text.Text[start] != ' ') result.Append(" ", text.Text.OriginalRange(start, start + 1).Start, text.Text.OriginalRange(start, start + 1).End);
            result.Append(text.Text, start, end);
            words.Add((first, result.Length));
        }

        return new SplitText(result, words);
    }

    private static void AppendBytes(NormalizedText text, int start, int end, NormalizedText bytes)
    {
        Span<byte> utf8 = stackalloc byte[4];
        Span<char> characters = stackalloc char[4];
        while (start < end)
        {
            Rune.DecodeFromUtf16(text.Slice(start, end), out var rune, out var length);
            var count = rune.EncodeToUtf8(utf8);
            for (var i = 0; i < count; i++) characters[i] = ByteAlphabet.Character(utf8[i]);
            var original = text.OriginalRange(start, start + length);
            bytes.Append(characters[..count], original.Start, original.End);
            start += length;
        }
    }
}
