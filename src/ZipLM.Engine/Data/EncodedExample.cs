namespace ZipLM.Engine.Data;

/// <summary>One row as tokens, or a window of one that is too long; not padded.</summary>
/// <param name="Ids">Indices into the vocabulary.</param>
/// <param name="TypeIds">0 for the text, 1 for the pair; as many as ids.</param>
/// <param name="Label">Index of the label, or null.</param>
internal sealed record EncodedExample(int[] Ids, int[] TypeIds, int? Label)
{
    /// <summary>Number of tokens.</summary>
    public int Length => Ids.Length;

    /// <summary>Which row of the data set it is of.</summary>
    public int Row { get; init; }

    /// <summary>The number that a regression is to answer, or null.</summary>
    public double? Score { get; init; }

    /// <summary>First and last token of the answer, or null where none is told; the first token twice where the window does not hold it.</summary>
    public (int Start, int End)? Span { get; init; }

    /// <summary>The first token that a causal model is to tell from those before it; what comes earlier is there to be read alone.</summary>
    public int FirstScored { get; init; } = 1;

    /// <summary>Where each token came from, as <see cref="TokenizedText"/> says: of masked language modeling and questions; else empty.</summary>
    public int[] Texts { get; init; } = [];

    /// <summary>The range of the original text that each token came from: of questions; else empty.</summary>
    public (int Start, int End)[] Offsets { get; init; } = [];
}
