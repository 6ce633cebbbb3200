using System.Management.Automation;
using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>-StatisticsPath: taken once, read again, and refused when it is cut short or another model's.</summary>
[Collection(TinyStoreCollection.Name)]
public sealed class StatisticsPathTests : IDisposable
{
    private readonly TinyStore _store;
    private readonly ModuleSession _session;
    private readonly string _path;

    public StatisticsPathTests(TinyStore store)
    {
        (_store, _session) = (store, store.Session);
        _path = store.PathOf("statistics");
    }

    [Fact]
    public void TheSecondCallReadsThem()
    {
        Outcome first = _session.Invoke($"Get-Model bert | Get-StructureSaliency -StatisticsPath '{_path}' -Verbose");
        Assert.Contains(first.Verbose, message => message.StartsWith("Taking statistics", StringComparison.Ordinal));
        Assert.Equal(4 * 2 + 1, Directory.GetFiles(_path).Length);

        Outcome second = _session.Invoke($"Get-Model bert | Get-StructureSaliency -StatisticsPath '{_path}' -Verbose");
        Assert.Empty(second.Errors);
        Assert.DoesNotContain(second.Verbose, message => message.StartsWith("Taking statistics", StringComparison.Ordinal));
        Assert.Equal(Values(first), Values(second));

        Outcome pruned = _session.Invoke($"Get-Model bert | Invoke-StructuredPrune -Speedup 1.2 -LatencyTable $quick -Rounds 5 -SearchTrials 10 -StatisticsPath '{_path}' -Verbose");
        Assert.Single(pruned.Output);
        Assert.DoesNotContain(pruned.Verbose, message => message.StartsWith("Taking statistics", StringComparison.Ordinal));

        static IEnumerable<(double, double)> Values(Outcome outcome) => outcome.Output.Select(row => ((double)((dynamic)row).Saliency, (double)((dynamic)row).PriorAfter));
    }

    [Fact]
    public void PruningKeepsThemToo()
    {
        _session.Run($"$null = Get-Model bert | Invoke-StructuredPrune -Speedup 1.2 -LatencyTable $quick -Rounds 5 -SearchTrials 10 -StatisticsPath '{_path}'");
        Assert.True(File.Exists(Path.Combine(_path, "statistics.json")));
    }

    [Fact]
    public void APathIsOneOfTheRunspace()
    {
        string folder = Directory.CreateDirectory(_store.PathOf("elsewhere")).FullName;
        _session.Run($$"""
            $bert = Get-Model bert
            $paths = $ExecutionContext.SessionState.Path
            $paths.PushCurrentLocation('statistics')
            $null = $paths.SetLocation('{{folder}}')
            $null = $bert | Get-StructureSaliency -StatisticsPath ./kept
            $null = $paths.PopLocation('statistics')
            """);
        Assert.True(File.Exists(Path.Combine(folder, "kept", "statistics.json")));
    }

    [Theory]
    [InlineData("Get-StructureSaliency")]
    [InlineData("Invoke-StructuredPrune -Speedup 1.2 -LatencyTable $quick -Rounds 3 -SearchTrials 10")]
    public void AFileThatIsCutShortIsRefused(string command)
    {
        _session.Run($"$null = Get-Model bert | Get-StructureSaliency -StatisticsPath '{_path}'");
        using (FileStream file = File.OpenWrite(Path.Combine(_path, "layer-02-FeedForward.safetensors")))
            file.SetLength(file.Length / 2);
        ErrorRecord error = Failure($"Get-Model bert | {command} -StatisticsPath '{_path}'", "StatisticsDamaged", ErrorCategory.InvalidData);
        Assert.Contains("layer-02-FeedForward.safetensors", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(_path, error.TargetObject);
    }

    [Fact]
    public void AnotherModelsDirectoryIsRefusedAndTheNextModelGoesOn()
    {
        _session.Run($"$null = Get-Model bert | Get-StructureSaliency -StatisticsPath '{_path}'");
        _session.Run("$other = New-Model -Name other -Layers 4 -HiddenSize 32 -Heads 4 -MaximumSequenceLength 32 -TrainingData $train -VocabularySize 200");
        ErrorRecord error = Failure($"$other | Get-StructureSaliency -StatisticsPath '{_path}' -CalibrationData $train", "StatisticsMismatch", ErrorCategory.InvalidOperation);
        Assert.Matches(@"model 'bert' \([0-9a-f]{12}\).*model 'other' \([0-9a-f]{12}\)", error.ToString());

        Outcome both = _session.Invoke($"$other, (Get-Model bert) | Get-StructureSaliency -StatisticsPath '{_path}' -CalibrationData $train");
        Assert.Single(both.Errors);
        Assert.Equal(4 * (4 + 128), both.Output.Count);
    }

    [Fact]
    public void OneThatIsNotWholeIsTakenAgainWithAWarning()
    {
        _session.Run($"$null = Get-Model bert | Get-StructureSaliency -StatisticsPath '{_path}'");
        File.Delete(Path.Combine(_path, "statistics.json"));
        Outcome outcome = _session.Invoke($"Get-Model bert | Get-StructureSaliency -StatisticsPath '{_path}'");
        Assert.Empty(outcome.Errors);
        Assert.Single(outcome.Warnings, warning => warning.Contains("incomplete", StringComparison.Ordinal) && warning.Contains(_path, StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(_path, "statistics.json")));
    }

    [Fact]
    public void WhatIfWritesNothing()
    {
        Assert.Empty(_session.Run($"Get-Model bert | Get-StructureSaliency -StatisticsPath '{_path}' -WhatIf; Get-Model bert | Invoke-StructuredPrune -Speedup 2 -StatisticsPath '{_path}' -WhatIf"));
        Assert.False(Directory.Exists(_path));
    }

    [Theory]
    [InlineData("Get-StructureSaliency -Damping -0.1", "ParameterArgumentValidationError")]
    [InlineData("Get-StructureSaliency -Damping ([double]::NaN)", "ParameterArgumentValidationError")]
    [InlineData("Invoke-StructuredPrune -Speedup 2 -Damping -1", "ParameterArgumentValidationError")]
    [InlineData("Get-StructureSaliency -CalibrationSamples 0", "ParameterArgumentValidationError")]
    [InlineData("Get-StructureSaliency -StatisticsPath ''", "ParameterArgumentValidationError")]
    [InlineData("Get-StructureSaliency -StatisticsPath nodrive:/x", "ZipLM.PathNotFound,")]
    [InlineData("Invoke-StructuredPrune -Speedup 2 -StatisticsPath env:/x", "ZipLM.PathNotFile,")]
    public void AParameterThatCannotBeUsedIsOneError(string command, string id)
    {
        var error = Assert.ThrowsAny<RuntimeException>(() => _session.Run($"Get-Model bert | {command}")).ErrorRecord;
        Assert.StartsWith(id, error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void TheResultShowsTheDampingThatWasNeededAndTheCondition()
    {
        dynamic model = _session.Run("Get-Model bert | Invoke-StructuredPrune -Speedup 1.2 -LatencyTable $quick -Rounds 5 -SearchTrials 10 -Damping 0.02").Single();
        Assert.Equal(0.02, (double)model.Pruning.LargestDamping);
        double condition = model.Pruning.WorstCondition;
        Assert.InRange(condition, 1, 1e9);

        ZiplmProcess shown = ZiplmProcess.Run("-Command", "$null = Connect-GpuSession -Device cpu; Get-Model bert | Measure-LayerLatency -Rounds 5 | Invoke-StructuredPrune -Speedup 1.2 -Rounds 5 -SearchTrials 10 -Damping 0.02");
        Assert.Matches(@"(?m)^Damping +: 0\.02, condition \d\.\de\+\d *$", shown.Output);
    }

    public void Dispose()
    {
        if (Directory.Exists(_path))
            Directory.Delete(_path, recursive: true);
    }

    private ErrorRecord Failure(string script, string id, ErrorCategory category)
    {
        Outcome outcome = _session.Invoke(script);
        Assert.Empty(outcome.Output);
        ErrorRecord error = Assert.Single(outcome.Errors);
        Assert.StartsWith($"ZipLM.{id},", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
        return error;
    }
}
