namespace ZipLM;

/// <summary>Which block of the teacher a block of the student learns from.</summary>
public enum LayerMatching
{
    /// <summary>The one at the same share of the depth; with as many blocks in both, the one of the same index.</summary>
    Even,

    /// <summary>The one whose outputs are most similar before training, by linear CKA over a sample of the data.</summary>
    Similarity,
}
