using System.Management.Automation;
using Xunit;

namespace ZipLM.PowerShell.Tests;

[Collection(TinyStoreCollection.Name)]
public sealed class PruningTests(TinyStore store)
{
    private readonly ModuleSession _session = store.Session;

    [Fact]
    public void OneLineGivesASmallerModelThatTellsWhatWasPromisedAndMeasured()
    {
        dynamic dense = _session.Run("Get-Model bert").Single();
        PSObject pruned = _session.Run("$pruned = Get-Model bert | Invoke-StructuredPrune -Speedup 1.3 -Rounds 10; $pruned").Single();
        dynamic model = pruned;

        Assert.Equal("bert-1.3x", model.Name);
        Assert.Equal(1.3, model.TargetSpeedup);
        Assert.True(model.PredictedSpeedup > 1, "There is no prediction above 1.");
        Assert.True(model.MeasuredSpeedup > 0.5, "There is no measured speedup.");
        Assert.True(model.Parameters < dense.Parameters, "The pruned model has as many parameters as the dense one.");
        Assert.Equal("NotSaved", model.State.ToString());
        Assert.Equal("cpu", model.Pruning.Environment.Device);
        Assert.Equal("train", model.Pruning.CalibrationData);
        Assert.Equal(10, model.Pruning.Measured.Rounds);

        // What is gone is what the layers say: counted by hand from BERT's shapes, 8 columns a head.
        var layers = ((IEnumerable<object>)model.Layers).Cast<dynamic>().ToList();
        Assert.Equal(4, layers.Count);
        long expected = dense.Parameters;
        foreach (dynamic layer in layers)
        {
            int heads = layer.Heads, width = layer.Width;
            expected -= (4 - heads) * 8 * ((4 * 32) + 3);
            expected -= (128 - width) * ((2 * 32) + 1);
        }

        // A sublayer that is dropped may keep or lose its output bias and LayerNorm: 32 and 64 numbers each.
        int dropped = layers.Sum(layer => ((int)layer.Heads == 0 ? 1 : 0) + ((int)layer.Width == 0 ? 1 : 0));
        Assert.InRange(expected - (long)model.Parameters, 0, dropped * 96);
    }

    /// <summary>Of whatever kind the list behind is: a list that is not public enumerates, but gives nothing for an index.</summary>
    [Theory]
    [InlineData("Get-Model bert", "Layers", "Labels")]
    [InlineData("Get-Model bert | Invoke-StructuredPrune -Speedup 1.3 -LatencyTable $quick -Rounds 5 -SearchTrials 10",
        "Layers", "Labels", "Pruning.Plan.Layers", "Pruning.Search.Coefficients", "Pruning.Search.Curve")]
    [InlineData("$quick", "Levels", "LevelsOf('Attention')")]
    [InlineData("$train", "Examples", "Labels")]
    [InlineData("Get-GpuSession", "Models")]
    public void AListCanBeIndexed(string command, params string[] lists)
    {
        _session.Run($"$owner = {command}");
        Assert.All(lists, list =>
        {
            var elements = _session.Run($"$list = $owner.{list}; $list");
            Assert.Equal(elements[0], _session.Run("$list[0]").Single());
            Assert.Equal(elements[^1], _session.Run("$list[-1]").Single());
        });
    }

    [Fact]
    public void ATableFromThePipelineBringsItsModelAndItsEnvironment()
    {
        dynamic model = _session.Run("Get-Model bert | Measure-LayerLatency -BatchSize 2 -SequenceLength 12 -Rounds 30 | Invoke-StructuredPrune -Speedup 1.3 -Rounds 5 -SearchTrials 10").Single();
        Assert.Equal("bert-1.3x", model.Name);
        Assert.Equal(2, model.Pruning.Environment.BatchSize);
        Assert.Equal(12, model.Pruning.Environment.SequenceLength);
    }

    [Fact]
    public void SaliencyRowsFromThePipelineBringTheirModels()
    {
        var models = _session.Run("Get-Model bert | Get-StructureSaliency | Invoke-StructuredPrune -Speedup 1.2, 1.4 -LatencyTable $quick -Rounds 5 -SearchTrials 10");
        Assert.Equal(["bert-1.2x", "bert-1.4x"], models.Select(model => (string)((dynamic)model).Name));
    }

    [Fact]
    public void ATableAndRowsPassTogether()
    {
        dynamic model = _session.Run("""
            $bert = Get-Model bert
            $table = $bert | Measure-LayerLatency -Rounds 30
            $rows = $bert | Get-StructureSaliency
            $bert | Invoke-StructuredPrune -Speedup 1.3 -Rounds 5 -SearchTrials 10 -LatencyTable $table -Saliency $rows
            """).Single();
        Assert.Equal(_session.One<string>("$table.Fingerprint"), model.Pruning.TableFingerprint);
    }

    [Theory]
    [InlineData("Invoke-StructuredPrune -LatencyTable $table -Saliency $rows")]
    [InlineData("$rows | Invoke-StructuredPrune -LatencyTable $table")]
    [InlineData("$table | Invoke-StructuredPrune -Saliency $rows")]
    [InlineData("Invoke-StructuredPrune -Saliency $rows")]
    [InlineData("$table | Invoke-StructuredPrune $bert")]
    [InlineData("$rows | Invoke-StructuredPrune $bert")]
    public void ATableAndRowsNeedNoModelBesideThem(string command)
    {
        dynamic model = _session.Run($$"""
            $bert = Get-Model bert
            $table = $bert | Measure-LayerLatency -Rounds 5
            $rows = $bert | Get-StructureSaliency -CalibrationSamples 64
            {{command}} -Speedup 1.3 -Rounds 5 -SearchTrials 10
            """).Single();
        Assert.Equal("bert-1.3x", model.Name);
        if (command.Contains("$table", StringComparison.Ordinal))
            Assert.Equal(_session.One<string>("$table.Fingerprint"), model.Pruning.TableFingerprint);
    }

    [Fact]
    public void EveryStructureHasOneRowInItsOrder()
    {
        var rows = _session.Run("Get-Model bert | Get-StructureSaliency -CalibrationSamples 64").Select(row => (dynamic)row).ToList();
        Assert.Equal(4 * (4 + 128), rows.Count);
        Assert.All(rows.GroupBy(row => ((int)row.Layer, (string)row.Sublayer.ToString())), sublayer =>
        {
            var ordered = sublayer.OrderBy(row => (int)row.Order).ToList();
            Assert.Equal(Enumerable.Range(1, ordered.Count), ordered.Select(row => (int)row.Order));
            Assert.Equal(1.0, (double)ordered[^1].PriorAfter, 6);
        });
    }

    [Fact]
    public void TheFirstRowAloneStopsTheWorkAndLeavesNothingBehind()
    {
        Outcome first = _session.Invoke("Get-Model bert | Get-StructureSaliency | Select-First");
        Assert.Empty(first.Errors);
        Assert.Single(first.Output);

        // So does a loop that is left early, and the session is free for what comes next.
        Outcome left = _session.Invoke("foreach ($i in 1) { Get-Model bert | Get-StructureSaliency | ForEach-Object { $_; break } }; 'next'");
        Assert.Empty(left.Errors);
        _session.Run("Get-Model bert | Measure-LayerLatency -Rounds 3");
        Assert.Empty(_session.Run("Get-Job"));
    }

    [Theory]
    [InlineData("-Criterion Magnitude", "Magnitude", true)]
    [InlineData("-Criterion Activation -NoRepair", "Activation", false)]
    [InlineData("-Criterion Fisher", "Fisher", true)]
    [InlineData("-Criterion Random -NoRepair", "Random", false)]
    [InlineData("-NoRepair", "ZipLM", false)]
    public void ACriterionAndRepairGoThroughThePipeline(string how, string criterion, bool repair)
    {
        var rows = _session.Run($"$ranked = Get-Model bert | Get-StructureSaliency -CalibrationSamples 64 {how}; $ranked").Select(row => (dynamic)row).ToList();
        Assert.All(rows, row => Assert.Equal((criterion, repair), ((string)row.Criterion.ToString(), (bool)row.Repair)));
        Assert.Equal(Enumerable.Range(1, rows.Count), rows.Select(row => (int)row.Rank).Order());

        // The rows bring both along; asked for directly it is the same.
        foreach (string command in new[] { "$ranked | Invoke-StructuredPrune", $"Get-Model bert | Invoke-StructuredPrune {how}" })
        {
            dynamic model = _session.Run($"{command} -Speedup 1.2 -LatencyTable $quick -Rounds 3 -SearchTrials 10 -CalibrationSamples 64").Single();
            Assert.Equal((criterion, repair), ((string)model.Pruning.Criterion.ToString(), (bool)model.Pruning.Repair));
        }
    }

    [Fact]
    public void SeveralDampingsAreOneCall()
    {
        var rows = _session.Run("Get-Model bert | Get-StructureSaliency -CalibrationSamples 64 -Damping 1e-3, 0.1").Select(row => (double)((dynamic)row).RequestedDamping).ToList();
        Assert.Equal([1e-3, 0.1], rows.Distinct());
        Assert.Equal(2 * 4 * (4 + 128), rows.Count);

        var models = _session.Run("Get-Model bert | Invoke-StructuredPrune -Speedup 1.2 -LatencyTable $quick -Rounds 3 -SearchTrials 10 -CalibrationSamples 64 -Damping 1e-3, 0.1").Select(model => (dynamic)model).ToList();
        Assert.Equal(["bert-1.2x-damping0.001", "bert-1.2x-damping0.1"], models.Select(model => (string)model.Name));
        Assert.Equal([1e-3, 0.1], models.Select(model => (double)model.Pruning.Damping));
        Assert.All(models, model =>
        {
            Assert.Equal("CrossEntropy", model.Pruning.LossMeasure.ToString());
            Assert.True((double)model.Pruning.Loss > 0);
            Assert.Equal((double)models[0].Pruning.DenseLoss, (double)model.Pruning.DenseLoss);
        });
    }

    [Theory]
    [InlineData("Get-StructureSaliency -Damping -0.1")]
    [InlineData("Get-StructureSaliency -Damping 0.1, -1e-9")]
    [InlineData("Invoke-StructuredPrune -Speedup 1.2 -Damping -0.1")]
    [InlineData("Invoke-StructuredPrune -Speedup 1.2 -Damping ([double]::NaN)")]
    [InlineData("Get-StructureSaliency -Criterion Gradient")]
    public void ADampingOrACriterionThatIsNoneIsRefused(string command)
    {
        Outcome outcome = _session.Invoke("Get-Model bert | " + command);
        Assert.Empty(outcome.Output);
        ErrorRecord error = Assert.Single(outcome.Errors);
        Assert.Contains("ParameterBind", error.Exception.GetType().Name, StringComparison.Ordinal);
    }

    [Fact]
    public void RowsOfAnotherCriterionThanAskedForAreRefused()
    {
        Outcome outcome = _session.Invoke("Get-Model bert | Get-StructureSaliency -CalibrationSamples 64 | Invoke-StructuredPrune -Speedup 1.2 -Criterion Random");
        Assert.Empty(outcome.Output);
        Assert.StartsWith("ZipLM.SaliencyConflict,", Assert.Single(outcome.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIfSaysAndDoesNothing()
    {
        using var session = new ModuleSession();
        session.Run("$null = Connect-GpuSession -Device cpu; $bert = Get-Model bert");
        Assert.Empty(session.Run($$"""
            $bert | Invoke-StructuredPrune -Speedup 1.3 -WhatIf
            $bert | Start-ModelTraining -WhatIf
            $bert | Start-TokenDistillation -WhatIf
            $bert | Export-Model -Path '{{store.PathOf("what-if")}}' -WhatIf
            $bert | Export-Model -Name what-if -WhatIf
            $bert | Measure-Model -OutFile '{{store.PathOf("what-if.csv")}}' -WhatIf
            Disconnect-GpuSession -WhatIf
            Get-Job
            """));
        Assert.Empty(Directory.EnumerateFileSystemEntries(store.Folder, "*what-if*", SearchOption.AllDirectories));
        // No weight was read, and so nothing was computed.
        Assert.Equal(0L, session.One<long>("(Get-GpuSession).ResidentBytes"));
        session.Run("Disconnect-GpuSession");
    }
}
