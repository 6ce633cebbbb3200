namespace ZipLM.Engine.Data;

/// <summary>How a BERT tokenizer reads text. The defaults are those of bert-base-uncased.</summary>
public sealed record BertTokenizerOptions
{
    /// <summary>Drop control characters and turn every whitespace character into a space.</summary>
    public bool CleanText { get; init; } = true;

    /// <summary>Make every Chinese character a word of its own.</summary>
    public bool SplitChineseCharacters { get; init; } = true;

    /// <summary>Turn text into lower case.</summary>
    public bool LowerCase { get; init; } = true;

    /// <summary>Drop accents; null does what <see cref="LowerCase"/> does.</summary>
    public bool? StripAccents { get; init; }

    /// <summary>The longest sequence that the model reads, special tokens included; null when the files don't say.</summary>
    public int? MaximumLength { get; init; }

    /// <summary>A word of more characters than this is unknown as a whole.</summary>
    public int MaximumWordLength { get; init; } = 100;

    /// <summary>Pieces that are found in the text as they stand, besides the special tokens.</summary>
    public IReadOnlyList<string> AddedTokens { get; init; } = [];
}
