namespace ZipLM.Engine.Data;

/// <summary>One row as tokens, not padded.</summary>
/// <param name="Ids">Indices into the vocabulary.</param>
/// <param name="TypeIds">0 for the text, 1 for the pair; as many as ids.</param>
/// <param name="Label">Index of the label, or null.</param>
internal sealed record EncodedExample(int[] Ids, int[] TypeIds, int? Label)
{
    /// <summary>Number of tokens.</summary>
    public int Length => Ids.Length;
}
