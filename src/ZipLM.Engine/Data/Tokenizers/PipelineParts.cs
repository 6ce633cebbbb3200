namespace ZipLM.Engine.Data;

/// <summary>What <c>tokenizer.json</c> describes, in the order in which text passes through it.</summary>
internal sealed record PipelineParts
{
    /// <summary>Pieces by id.</summary>
    public required string[] Vocabulary { get; init; }

    /// <summary>Added tokens that are looked for before the text is normalised.</summary>
    public required AddedTokens Literal { get; init; }

    public required IReadOnlyList<INormalizer> Normalizers { get; init; }

    /// <summary>Added tokens that are looked for in the normalised text.</summary>
    public required AddedTokens Normalized { get; init; }

    public required IReadOnlyList<ISplitter> Splitters { get; init; }

    public required ISubwordModel Model { get; init; }

    public required TokenTemplate Template { get; init; }

    /// <summary>Offsets leave out the spaces that belong to pieces; null: they stay.</summary>
    public OffsetTrimming? Trimming { get; init; }

    public required IReadOnlySet<int> SpecialIds { get; init; }

    /// <summary>Pieces are written in <see cref="ByteAlphabet"/>; otherwise spaces are <see cref="SpaceMark"/> and bytes <see cref="BytePieces"/>.</summary>
    public required bool IsByteLevel { get; init; }

    /// <summary>What a space is in the vocabulary of SentencePiece.</summary>
    public const char SpaceMark = '\u2581';
}
