using System.Management.Automation;
using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>New-CompressionRecipe, Invoke-CompressionRecipe and Get-CompressionRun.</summary>
[Collection(TinyStoreCollection.Name)]
public sealed class RecipeTests : IDisposable
{
    private readonly ModuleSession _session;
    private readonly string _folder;
    private readonly string _recipe;
    private readonly string _run;

    public RecipeTests(TinyStore store)
    {
        _session = store.Session;
        _folder = Directory.CreateDirectory(store.PathOf($"recipes-{Guid.NewGuid():N}")).FullName;
        (_recipe, _run) = (Path.Combine(_folder, "bert.yaml"), Path.Combine(_folder, "run"));
        _session.Run($"Get-Model bert | New-CompressionRecipe '{_recipe}' -Target 1.2 -TrainingData $train -ValidationData $dev");
        // Pruning alone, and few rounds: what is tested here is the way through the commands.
        string text = File.ReadAllText(_recipe);
        text = text[..text.IndexOf("# Without this section", StringComparison.Ordinal)] + "evaluation: {rounds: 3}\nlatency: {rounds: 3}\n";
        File.WriteAllText(_recipe, text.Replace("  # rounds: auto", "  rounds: 3", StringComparison.Ordinal));
    }

    [Fact]
    public void ARunGivesItsMembersTheSummaryAndItsStages()
    {
        var output = _session.Run($"Invoke-CompressionRecipe '{_recipe}' -RunDirectory '{_run}'");
        Assert.Equal(2, output.Count);
        dynamic model = output[0].BaseObject;
        Assert.Equal("bert-1.2x", (string)model.Name);
        dynamic summary = output[1].BaseObject;
        Assert.Equal("bert-1.2x", (string)summary.Members[0].Model);
        Assert.Equal(1, (int)summary.Members.Count);
        Assert.Null((double?)summary.Slope);

        var stages = _session.Run($"Get-CompressionRun '{_run}'").ToList();
        Assert.Equal(["01-latency", "02-evaluate", "03-statistics-1.2x", "04-order-1.2x", "05-prune-1.2x", "06-evaluate-1.2x", "07-export-1.2x"], stages.Select(s => $"{s.Properties["Stage"].Value}"));
        Assert.All(stages, s => Assert.Equal("Done", $"{s.Properties["State"].Value}"));
        Assert.NotNull(stages[5].Properties["Quality"].Value);

        // A run as a whole is what a report shows.
        foreach (string source in new[] { $"Get-CompressionRun '{_run}'", $"Invoke-CompressionRecipe '{_recipe}' -RunDirectory '{_run}'" })
        {
            string page = File.ReadAllText($"{Assert.Single(_session.Run($"{source} | New-CompressionReport '{_folder}/report.html' -Force -PassThru"))}");
            Assert.Contains("accuracy against speedup", page, StringComparison.Ordinal);
            Assert.Contains("bert-1.2x", page, StringComparison.Ordinal);
        }

        Outcome again = _session.Invoke($"[System.IO.FileInfo]::new('{_recipe}') | Invoke-CompressionRecipe -RunDirectory {{ '{_folder}/run' }} -AsJob | Receive-Job -Wait -AutoRemoveJob");
        Assert.Empty(again.Errors);
        Assert.Equal(2, again.Output.Count);
        Assert.DoesNotContain(again.Information, i => $"{i}".Contains("is done after", StringComparison.Ordinal));
    }

    /// <summary>The recipe's seed is 0, that of the runspace's session 7.</summary>
    [Fact]
    public void ARunLeavesTheDefaultSessionAsItIs()
    {
        File.WriteAllText(_recipe, File.ReadAllText(_recipe).Replace("targets: [1.2]", "targets: [900]", StringComparison.Ordinal));
        Assert.StartsWith("ZipLM.SpeedupUnreachable,", Assert.Single(_session.Invoke($"Invoke-CompressionRecipe '{_recipe}' -RunDirectory '{_run}'").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal("7", $"{Assert.Single(_session.Run("(Get-GpuSession)[-1].Seed"))}");
    }

    [Fact]
    public void WhatIfSaysTheStagesAndDoesNothing()
    {
        ZiplmProcess shown = ZiplmProcess.Run("-Command", $"Invoke-CompressionRecipe '{_recipe}' -RunDirectory '{_run}' -WhatIf");
        Assert.Contains("05-prune-1.2x", shown.Output, StringComparison.Ordinal);
        Assert.Contains("to do: about", shown.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_run));
    }

    [Fact]
    public void AMistakeInARecipeIsOneErrorWithItsPlaceAndTheNextRecipeGoesOn()
    {
        string wrong = Path.Combine(_folder, "a.yaml");
        File.WriteAllText(wrong, "schema: 1\nname: a\ntargts: [2]\n");
        Outcome outcome = _session.Invoke($"'{wrong}', '{_recipe}' | Invoke-CompressionRecipe -RunDirectory '{_run}' -WhatIf");
        ErrorRecord error = Assert.Single(outcome.Errors);
        Assert.StartsWith("ZipLM.YamlInvalid,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(wrong, error.TargetObject);
    }

    [Theory]
    [InlineData("Get-CompressionRun .", "ZipLM.RunMissing,")]
    [InlineData("Get-CompressionRun nowhere", "ZipLM.PathNotFound,")]
    [InlineData("Invoke-CompressionRecipe nowhere.yaml -RunDirectory x", "ZipLM.PathNotFound,")]
    public void WhatIsNotThereIsOneError(string command, string id) =>
        Assert.StartsWith(id, Assert.Single(_session.Invoke(command).Errors).FullyQualifiedErrorId, StringComparison.Ordinal);

    [Fact]
    public void AnExistingRecipeIsKeptWithoutForce()
    {
        Outcome outcome = _session.Invoke($"Get-Model bert | New-CompressionRecipe '{_recipe}'");
        Assert.StartsWith("ZipLM.FileExists,", Assert.Single(outcome.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
