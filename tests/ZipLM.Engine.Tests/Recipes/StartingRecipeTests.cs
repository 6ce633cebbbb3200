using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Recipes;

namespace ZipLM.Engine.Tests.Recipes;

public sealed class StartingRecipeTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private readonly RecipeFolder _folder = new(fixture.Session);
    private readonly RecordingReporter _reporter = new();

    [Fact]
    public void The_reader_accepts_what_is_written()
    {
        using var model = Open();
        var train = TextDatasetReader.Read(TextDatasetReader.Describe(_folder["train.tsv"]));
        var dev = TextDatasetReader.Read(TextDatasetReader.Describe(_folder["dev.tsv"]));
        StartingRecipe.Write(model, train, dev, [1.5, 3], _folder["new.yaml"], replace: false, _reporter);
        var recipe = RecipeFile.Read(_folder["new.yaml"]);
        Assert.Equal("it-s-mine", recipe.Name);
        Assert.Equal(_folder["tiny"], recipe.Model);
        Assert.Equal([1.5, 3], recipe.Targets);
        Assert.Equal(new RecipeDataset(_folder["train.tsv"], "tsv", "sentence1", "sentence2", "label"), recipe.Data.Train);
        Assert.Equal(_folder["dev.tsv"], recipe.Data.Evaluation.Path);
        Assert.Empty(_reporter.Warnings);
    }

    /// <summary>Whoever takes the signs of comment away gets what holds anyway, with every key that there is.</summary>
    [Fact]
    public void What_stands_in_comments_is_accepted_too()
    {
        using var model = Open();
        var dev = TextDatasetReader.Read(TextDatasetReader.Describe(_folder["dev.tsv"]));
        StartingRecipe.Write(model, dev, dev, [2], _folder["new.yaml"], replace: false, _reporter);
        var lines = File.ReadAllLines(_folder["new.yaml"]).Select(l =>
            System.Text.RegularExpressions.Regex.Replace(l, @"^(\s*)# (\s*[a-z_]+:( |$))", "$1$2")).ToList();
        lines.RemoveAll(l => l.Contains("as train", StringComparison.Ordinal) || l.Contains("as validation", StringComparison.Ordinal));
        File.WriteAllLines(_folder["bare.yaml"], lines);
        var (recipe, bare) = (RecipeFile.Read(_folder["new.yaml"]), RecipeFile.Read(_folder["bare.yaml"]));
        Assert.NotNull(bare.FineTune);
        Assert.Equal((recipe.Pruning, recipe.Distillation, recipe.Schedule), (bare.Pruning, bare.Distillation, bare.Schedule));
        Assert.Equal(recipe.Latency with { Table = _folder["table.yaml"], SequenceLength = 128 }, bare.Latency);
    }

    [Fact]
    public void Without_known_data_it_says_what_is_to_be_replaced()
    {
        using var model = Open();
        StartingRecipe.Write(model, null, null, [2], _folder["new.yaml"], replace: false, _reporter);
        Assert.Equal(2, _reporter.Warnings.Count);
        Assert.Contains("train: 'train.tsv'", File.ReadAllText(_folder["new.yaml"]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    [InlineData(1, 2)]
    public void Targets_that_do_not_rise_are_refused(double first, double second)
    {
        using var model = Open();
        AssertError("RecipeTargets", () => StartingRecipe.Write(model, null, null, [first, second], _folder["new.yaml"], false, _reporter));
        Assert.False(File.Exists(_folder["new.yaml"]));
    }

    [Fact]
    public void A_file_is_overwritten_only_when_that_is_asked_for()
    {
        using var model = Open();
        AssertError("FileExists", () => StartingRecipe.Write(model, null, null, [2], _folder["toy.yaml"], false, _reporter));
        StartingRecipe.Write(model, null, null, [2], _folder["toy.yaml"], true, _reporter);
        Assert.Contains("about_ZipLM_Recipes", File.ReadAllText(_folder["toy.yaml"]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_in_memory_only_is_refused()
    {
        using var model = TinyBert.Model(fixture.Session);
        AssertError("RecipeModelNotSaved", () => StartingRecipe.Write(model, null, null, [2], _folder["new.yaml"], false, _reporter));
    }

    public void Dispose() => _folder.Dispose();

    private TransformerModel Open() => TransformerModel.FromDirectory(fixture.Session, "it's mine", _folder["tiny"]);

    private static void AssertError(string id, Action action) => Assert.Equal("ZipLM." + id, Assert.Throws<ZipLMException>(action).ErrorId);
}
