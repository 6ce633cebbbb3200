namespace ZipLM.Engine.Recipes;

/// <summary>A data set that a recipe names.</summary>
/// <param name="Path">Absolute path.</param>
/// <param name="Format">Null = by the extension.</param>
/// <param name="TextColumn">Null = by its usual name.</param>
/// <param name="TextPairColumn">Null = by its usual name.</param>
/// <param name="LabelColumn">Null = by its usual name.</param>
internal sealed record RecipeDataset(string Path, string? Format, string? TextColumn, string? TextPairColumn, string? LabelColumn);
