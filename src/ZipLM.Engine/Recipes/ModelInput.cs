namespace ZipLM.Engine.Recipes;

/// <summary>A model that a stage starts from: another stage's, or the recipe's own.</summary>
/// <param name="Name">What it is called in records and messages.</param>
/// <param name="Stage">The stage that makes it; null = the recipe's own.</param>
internal sealed record ModelInput(string Name, Stage? Stage);
