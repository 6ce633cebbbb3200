using System.Management.Automation;
using System.Xml.Linq;
using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>Runtimes and targets of other kinds, from the hosted module: ONNX Runtime loads from its own load context.</summary>
[Collection(TinyStoreCollection.Name)]
public sealed class RuntimeTests(TinyStore store)
{
    private readonly ModuleSession _session = store.Session;

    [Fact]
    public void ATableOfOnnxRuntimePrunesAndMeasuresThere()
    {
        var objects = _session.Run("""
            $table = Get-Model bert | Measure-LayerLatency -Runtime OnnxRuntime -Rounds 3
            $model = $table | Invoke-StructuredPrune -Speedup 1.2 -Rounds 5 -SearchTrials 10
            $table.Environment; $model.Pruning.Environment; ($model | Measure-Model -Rounds 3).Environment
            """);
        Assert.Equal(3, objects.Count);
        Assert.All(objects, o => Assert.Equal("OnnxRuntime", ((dynamic)o).Runtime.ToString()));
        Assert.Contains(AppDomain.CurrentDomain.GetAssemblies(), a => a.GetName().Name == "Microsoft.ML.OnnxRuntime"
            && System.Runtime.Loader.AssemblyLoadContext.GetLoadContext(a)!.Name == "ZipLM");
    }

    [Theory]
    [InlineData("Measure-LayerLatency -Precision int8")]
    [InlineData("Invoke-StructuredPrune -Speedup 2 -Runtime Torch -Precision Int8")]
    [InlineData("Measure-Model -Runtime OnnxRuntime -Precision BFloat16")]
    public void APrecisionThatARuntimeDoesNotComputeIsOneError(string command) =>
        Assert.StartsWith("ZipLM.RuntimePrecision,", Assert.Single(_session.Invoke("Get-Model bert | " + command).Errors).FullyQualifiedErrorId, StringComparison.Ordinal);

    [Fact]
    public void AnUnknownRuntimeIsAnErrorThatNamesThoseThereAre()
    {
        var error = Assert.ThrowsAny<RuntimeException>(() => _session.Run("Get-Model bert | Measure-LayerLatency -Runtime Abacus"));
        Assert.Contains("OnnxRuntime", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnInt8PrecisionMeansOnnxRuntime()
    {
        dynamic model = _session.Run("Get-Model bert | Measure-LayerLatency -Precision int8 -Runtime OnnxRuntime -Rounds 5 | Invoke-StructuredPrune -Speedup 1.1 -Precision int8 -Rounds 3 -SearchTrials 10").Single();
        Assert.Equal(("OnnxRuntime", "Int8"), ((string)model.Pruning.Environment.Runtime.ToString(), (string)model.Pruning.Environment.Precision.ToString()));
    }

    [Fact]
    public void TargetsOfTimeThroughputAndParameters()
    {
        var models = _session.Run("""
            $bert = Get-Model bert
            $table = $bert | Measure-LayerLatency -Rounds 30
            $half = $table.DenseMilliseconds * 1000 / 1.3
            $table | Invoke-StructuredPrune -LatencyTarget "$([Math]::Round($half))us" -Rounds 5 -SearchTrials 10
            $table | Invoke-StructuredPrune -ThroughputTarget ([Math]::Round(1e6 / $half)) -Rounds 5 -SearchTrials 10
            $table | Invoke-StructuredPrune -MaximumParameters "$(($bert.Parameters * 0.8) / 1e3)K" -Rounds 5 -SearchTrials 10
            $bert
            """).Select(o => (dynamic)o).ToList();
        Assert.Equal("Milliseconds", models[0].Pruning.Target.Kind.ToString());
        Assert.InRange((double)models[0].TargetSpeedup, 1.25, 1.35);
        Assert.InRange((double)models[1].TargetSpeedup, 1.25, 1.35);
        Assert.EndsWith("ms", (string)models[0].Name, StringComparison.Ordinal);
        Assert.InRange((double)models[2].Parameters, 0.6 * models[3].Parameters, 0.8 * models[3].Parameters);
    }

    [Theory]
    [InlineData("-LatencyTarget 0.000001", "TargetUnreachable")]
    [InlineData("-LatencyTarget 10s", "TargetReached")]
    [InlineData("-ThroughputTarget 1e9", "TargetUnreachable")]
    [InlineData("-MaximumParameters 10", "TargetUnreachable")]
    [InlineData("-MaximumParameters 0", "TargetInvalid")]
    public void ATargetThatCannotBeHadIsOneErrorThatNamesWhatCan(string target, string id)
    {
        ErrorRecord error = Assert.Single(_session.Invoke($"Get-Model bert | Measure-LayerLatency -Rounds 5 | Invoke-StructuredPrune {target} -Rounds 3 -SearchTrials 10").Errors);
        Assert.StartsWith($"ZipLM.{id},", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        if (id == "TargetUnreachable")
            Assert.Matches("that can is [0-9]", error.ToString());
    }

    [Theory]
    [InlineData("-LatencyTarget '5 parsecs'", "5ms")]
    [InlineData("-MaximumParameters many", "30M")]
    [InlineData("-Speedup 2 -LatencyTarget 5ms", "")]
    public void ATargetThatCannotBeReadOrTwoKindsAtOnceAreRefused(string target, string named)
    {
        var error = Assert.ThrowsAny<RuntimeException>(() => _session.Run($"Get-Model bert | Invoke-StructuredPrune {target}"));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RowsOfSaliencyTellPriorAndTimeOfALevelSideBySide()
    {
        var rows = _session.Run("""
            $table = Get-Model bert | Measure-LayerLatency -Rounds 3
            Get-Model bert | Get-StructureSaliency -LatencyTable $table -CalibrationSamples 32 | Where-Object { $_.Layer -eq 1 -and $_.Sublayer -eq 'Attention' }
            """).Select(o => (dynamic)o).OrderBy(r => (int)r.Order).ToList();
        Assert.Equal([3, 2, 1, 0], rows.Select(r => (int)r.LevelAfter));
        Assert.All(rows, r => Assert.NotNull((double?)r.MillisecondsAfter));

        // The cells of Format-Table -View Level: that command is pwsh's, so the view's own texts are asked.
        XDocument views = XDocument.Load(Path.Combine(Path.GetDirectoryName(Built.Manifest)!, "module", "ZipLM.format.ps1xml"));
        XElement view = views.Descendants("View").Single(v => v.Element("Name")!.Value == "Level" && v.Descendants("TypeName").Single().Value == "ZipLM.StructureSaliency");
        var cells = view.Descendants("TableColumnItem").Elements().Select(e => e.Name == "PropertyName" ? $"$_.{e.Value}" : e.Value);
        var shown = _session.Run($$"""
            Get-Model bert | Get-StructureSaliency -LatencyTable $table -CalibrationSamples 32 | Where-Object { $_.Layer -eq 1 -and $_.LevelAfter -eq 0 } |
                ForEach-Object { '{0} {1} {2} {3} {4}' -f {{string.Join(", ", cells.Select(c => $"({c})"))}} }
            """).Select(o => $"{o}").Order(StringComparer.Ordinal).ToList();
        Assert.Equal(2, shown.Count);
        Assert.Matches(@"^1 Attention 0 1\.0+ \d+\.\d{4}$", shown[0]);
        Assert.Matches(@"^1 FeedForward 0 1\.0+ \d+\.\d{4}$", shown[1]);
    }
}
