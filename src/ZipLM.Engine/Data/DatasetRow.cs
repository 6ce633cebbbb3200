namespace ZipLM.Engine.Data;

/// <summary>One row as the file has it.</summary>
/// <param name="Line">Line of the file where the row begins, from 1; in files without lines, which row it is.</param>
/// <param name="Text">The text.</param>
/// <param name="TextPair">The second text, where a column for it was named.</param>
/// <param name="Label">The label as text; null where there is none.</param>
internal sealed record DatasetRow(long Line, string Text, string? TextPair, string? Label)
{
    /// <summary>The true answers, where a column for them was named.</summary>
    public IReadOnlyList<TextAnswer>? Answers { get; init; }
}
