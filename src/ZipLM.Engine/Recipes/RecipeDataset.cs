using ZipLM.Engine.Data;

namespace ZipLM.Engine.Recipes;

/// <summary>A data set that a recipe names.</summary>
/// <param name="Path">Absolute path.</param>
/// <param name="Format">Null = by the extension.</param>
/// <param name="TextColumn">Null = by its usual name.</param>
/// <param name="TextPairColumn">Null = by its usual name.</param>
/// <param name="LabelColumn">Null = by its usual name.</param>
internal sealed record RecipeDataset(string Path, string? Format, string? TextColumn, string? TextPairColumn, string? LabelColumn)
{
    /// <summary>The task of GLUE that it belongs to; null = none.</summary>
    public string? Task { get; init; }

    /// <summary>Column of the answers; null = by its usual name.</summary>
    public string? AnswerColumn { get; init; }

    /// <summary>What stands between two rows of plain text; null = a line's end.</summary>
    public string? Delimiter { get; init; }

    /// <summary>How the file will be read.</summary>
    public DatasetReference Describe() => TextDatasetReader.Describe(Path, Format, TextColumn, TextPairColumn, LabelColumn, AnswerColumn, Task, Delimiter);
}
