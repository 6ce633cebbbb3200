namespace ZipLM;

/// <summary>One row of a text data set.</summary>
/// <param name="Text">The text.</param>
/// <param name="TextPair">The second text of a pair, or null.</param>
/// <param name="Label">Index into <see cref="TextDataset.Labels"/>, or null where the row has none.</param>
public sealed record TextExample(string Text, string? TextPair = null, int? Label = null);
