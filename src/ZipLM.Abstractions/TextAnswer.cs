namespace ZipLM;

/// <summary>A true answer to a question about a text.</summary>
/// <param name="Text">The answer, as it stands in the text.</param>
/// <param name="Start">Where it begins in the text, in UTF-16 units.</param>
public sealed record TextAnswer(string Text, int Start);
