namespace ZipLM.Engine.Recipes;

/// <summary>The data of a recipe; null where it names none.</summary>
/// <param name="Train">What models are trained on.</param>
/// <param name="Validation">What they are validated on after each epoch.</param>
/// <param name="Calibration">What statistics and search take; the training data unless named.</param>
/// <param name="Evaluation">What members are judged on; the validation data unless named.</param>
internal sealed record RecipeData(RecipeDataset? Train, RecipeDataset? Validation, RecipeDataset Calibration, RecipeDataset Evaluation);
