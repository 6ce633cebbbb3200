namespace ZipLM.Engine.Data;

/// <summary>Takes whitespace off the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : INormalizer
{
    public NormalizedText Normalize(NormalizedText text)
    {
        var (start, end) = (0, text.Length);
        while (right && end > start && char.IsWhiteSpace(text[end - 1])) end--;
        while (left && start < end && char.IsWhiteSpace(text[start])) start++;
        if (start == 0 && end == text.Length) return text;
        var result = new NormalizedText(end - start);
        result.Append(text, start, end);
        return result;
    }
}
