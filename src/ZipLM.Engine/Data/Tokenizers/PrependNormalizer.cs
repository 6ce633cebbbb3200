namespace ZipLM.Engine.Data;

/// <summary>Puts characters before a text that is not empty; they stand for its first character.</summary>
internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    public NormalizedText Normalize(NormalizedText text) => text.Length == 0 ? text : text.WithPrefix(prefix);
}
