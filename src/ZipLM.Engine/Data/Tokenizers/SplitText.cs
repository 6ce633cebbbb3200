namespace ZipLM.Engine.Data;

/// <summary>Text and the words in it.</summary>
/// <param name="Text">The characters.</param>
/// <param name="Words">Ranges of the characters, in order and none empty; what lies between them is no part of any word.</param>
internal sealed record SplitText(NormalizedText Text, IReadOnlyList<(int Start, int End)> Words);
