namespace ZipLM.Engine.Data;

/// <summary>How byte-pair encoding treats what its vocabulary lacks.</summary>
internal sealed record BytePairOptions
{
    /// <summary>Stands for an unknown character; null drops the character.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Neighbouring unknown characters become one token.</summary>
    public bool FusesUnknown { get; init; }

    /// <summary>An unknown character becomes its UTF-8 bytes, <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>A word that is a piece is that piece, whatever the merges would make of it.</summary>
    public bool WholeWordsFirst { get; init; }
}
