namespace ZipLM.Engine.Data;

/// <summary>One step that changes text before it is split.</summary>
internal interface INormalizer
{
    NormalizedText Normalize(NormalizedText text);
}
