namespace ZipLM;

/// <summary>One row of a text data set.</summary>
/// <param name="Text">The text; where there are <see cref="Answers"/>, the question.</param>
/// <param name="TextPair">The second text of a pair, or null; where there are <see cref="Answers"/>, the text that they stand in.</param>
/// <param name="Label">Index into <see cref="TextDataset.Labels"/>, or null where the row has none.</param>
public sealed record TextExample(string Text, string? TextPair = null, int? Label = null)
{
    /// <summary>The number that a regression is to answer; null where the row has none.</summary>
    public double? Score { get; init; }

    /// <summary>The true answers to the question; null where this is no question, empty where they are not told.</summary>
    public IReadOnlyList<TextAnswer>? Answers { get; init => field = value?.Indexable(); }
}
