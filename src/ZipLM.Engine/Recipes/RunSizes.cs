using ZipLM.Engine.Models;

namespace ZipLM.Engine.Recipes;

/// <summary>What estimates are made from: the dense model's size, and the data's in tokens.</summary>
internal sealed record RunSizes(Recipe Recipe, ModelDescription Model, Func<RecipeDataset, long> Characters)
{
    private const double CharactersPerToken = 4;

    /// <summary>Levels of a kind of sublayer that a table measures, roughly.</summary>
    public const double LevelsMeasured = 60;

    /// <summary>Of the whole model, in 4 bytes a parameter.</summary>
    public double ModelBytes => 4.0 * Model.Family.Tensors(Model).Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b));

    /// <summary>Bytes of the statistics: a square matrix in double precision for each sublayer.</summary>
    public double StatisticsBytes => 8.0 * Model.Layers.Count * (((double)Model.HiddenSize * Model.HiddenSize) + ((double)Model.DenseWidth * Model.DenseWidth));

    /// <summary>Tokens of a forward pass when time is measured.</summary>
    public double PassTokens => (Recipe.Latency.BatchSize ?? 1) * (double)Generation.Positions(Recipe.Latency.SequenceLength ?? 128, Recipe.Latency.GeneratedTokens ?? 0);

    /// <summary>Operations of a forward pass over tokens: two for each parameter of the blocks.</summary>
    public double Forward(double tokens) =>
        2 * tokens * Model.Layers.Count * ((4.0 * Model.HiddenSize * Model.HiddenSize) + (2.0 * Model.HiddenSize * Model.DenseWidth));

    /// <summary>Operations of the surgeon: for each sublayer the cube of its columns, a few times.</summary>
    public double Surgery => 4.0 * Model.Layers.Count * (Math.Pow(Model.HiddenSize, 3) + Math.Pow(Model.DenseWidth, 3));

    /// <summary>Tokens of the rows that statistics, or the search, take.</summary>
    public double CalibrationTokens =>
        Math.Min(Recipe.Pruning.Samples * (PassTokens / (Recipe.Latency.BatchSize ?? 1)), Tokens(Recipe.Data.Calibration));

    public double Tokens(RecipeDataset data) => Characters(data) / CharactersPerToken;
}
