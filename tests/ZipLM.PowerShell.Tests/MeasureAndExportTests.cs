using System.Management.Automation;
using Xunit;

namespace ZipLM.PowerShell.Tests;

[Collection(TinyStoreCollection.Name)]
public sealed class MeasureAndExportTests(TinyStore store)
{
    private readonly ModuleSession _session = store.Session;

    [Fact]
    public void APipedModelIsMeasuredWithOneCopyOfTheSharedTypes()
    {
        dynamic row = _session.Run("Get-Model bert | Measure-Model -Rounds 5").Single();
        Assert.Equal("bert", row.Model);
        Assert.Equal("dev", row.Data);
        Assert.Equal(90, row.Samples);
        Assert.True(row.Quality > 0.5, $"Three topics that their words tell, and only {row.Quality:P0} right: the model was not trained.");
        Assert.True(row.Milliseconds > 0, "It took no time.");
        Assert.Null(row.Speedup);
        Assert.Single(AppDomain.CurrentDomain.GetAssemblies(), assembly => assembly.GetName().Name == "ZipLM.Abstractions");
        Assert.Single(AppDomain.CurrentDomain.GetAssemblies(), assembly => assembly.GetName().Name == "TorchSharp");
    }

    [Fact]
    public void APrunedModelIsMeasuredAgainstItsBaseAndTheSameWhenItComesBack()
    {
        var rows = _session.Run("""
            $small = Get-Model bert | Invoke-StructuredPrune -Speedup 1.3 -LatencyTable $quick -Rounds 5 -SearchTrials 10
            $small | Measure-Model -Rounds 5
            $small | Export-Model -Name again/bert-small
            Get-Model again/bert-small | Measure-Model -Rounds 5
            """).Select(row => (dynamic)row).ToList();
        Assert.Equal(2, rows.Count);
        Assert.All(rows, row => Assert.True(row.Speedup > 0 && row.QualityChange <= 1, "There is no comparison with the base."));
        Assert.Equal((double)rows[0].Quality, (double)rows[1].Quality);
        Assert.Equal((double)rows[0].Loss, (double)rows[1].Loss);
        Assert.Equal("Saved", _session.One<object>("$small.State").ToString());
        Assert.Equal(1.3, _session.One<double>("(Get-Model again/bert-small).TargetSpeedup"));
        Assert.Contains("again/bert-small", _session.Run("Get-Model again/* | ForEach-Object Name").Select(name => $"{name}"));
    }

    [Fact]
    public void ASinkIsSilentWithoutPassThru()
    {
        string path = store.PathOf("silent");
        Assert.Empty(_session.Run($"Get-Model bert | Export-Model -Path '{path}'"));
        dynamic passed = _session.Run($"Get-Model bert | Export-Model -Path '{path}' -Force -PassThru").Single();
        Assert.Equal("bert", passed.Name);
        Assert.Equal(path, passed.Path);
    }

    [Fact]
    public void ATableGoesThroughAFileAndFindsItsModel()
    {
        string file = store.PathOf("bert.latency.yaml");
        _session.Run($"$table = Get-Model bert | Measure-LayerLatency -Rounds 3 -SequenceLength 16; $table | Export-LatencyTable '{file}' -WhatIf");
        Assert.False(File.Exists(file));
        Assert.Empty(_session.Run($"$table | Export-LatencyTable '{file}'"));
        Assert.True(_session.One<bool>($"(Import-LatencyTable '{file}').Fingerprint -eq $table.Fingerprint"));
        Assert.Equal(1.2, _session.One<double>($"(Import-LatencyTable '{file}' | Invoke-StructuredPrune -Speedup 1.2 -Rounds 3 -SearchTrials 10).TargetSpeedup"));
        Assert.StartsWith("ZipLM.FileExists,", Assert.Single(_session.Invoke($"$table | Export-LatencyTable '{file}'").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Single(_session.Run($"$table | Export-LatencyTable '{file}' -Force -PassThru"));
        ErrorRecord error = Assert.Single(_session.Invoke($"Import-LatencyTable '{store.File("wrong.yaml", "schema: 3")}'").Errors);
        Assert.StartsWith("ZipLM.YamlInvalid,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void AModelIsExportedForOnnxRuntime()
    {
        string file = store.PathOf("bert.onnx");
        _session.Run($"Get-Model bert | Export-Model '{file}' -Format Onnx -WhatIf");
        Assert.False(File.Exists(file));
        Assert.Empty(_session.Run($"Get-Model bert | Export-Model '{file}' -Format Onnx"));
        string folder = store.PathOf("bert-int8");
        _session.Run($"Get-Model bert | Export-Model '{folder}' -Format Onnx -Precision int8");
        Assert.InRange(new FileInfo(Path.Combine(folder, "model.onnx")).Length, 1, new FileInfo(file).Length - 1);
        ErrorRecord error = Assert.Single(_session.Invoke($"Get-Model bert | Export-Model '{store.PathOf("half.onnx")}' -Format Onnx -Precision BFloat16").Errors);
        Assert.StartsWith("ZipLM.OnnxPrecision,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void APrunedModelLeavesForTransformersWithItsClassItsCardAndItsDenseTwin()
    {
        string folder = store.PathOf("small"), twin = store.PathOf("small-dense");
        _session.Run($"""
            $small = Get-Model bert | Invoke-StructuredPrune -Speedup 1.3 -LatencyTable $quick -Rounds 3 -SearchTrials 10
            $small | Export-Model '{twin}' -Dense -WhatIf
            $small | Export-Model '{folder}'
            $small | Export-Model '{twin}' -Dense
            """);
        Assert.Contains("class BertForSequenceClassification(", File.ReadAllText(Path.Combine(folder, "modeling_ziplm.py")), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(twin, "modeling_ziplm.py")));
        string card = File.ReadAllText(Path.Combine(folder, "README.md"));
        Assert.StartsWith("---\nlibrary_name: transformers\npipeline_tag: text-classification\ntags:\n- ziplm\n- structured-pruning\n---\n", card, StringComparison.Ordinal);
        string measured = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{_session.One<double>("$small.MeasuredSpeedup"):0.00}×");
        Assert.Contains("| target | 1.30× |", card, StringComparison.Ordinal);
        Assert.Contains(measured, card, StringComparison.Ordinal);
        Assert.Contains("trust_remote_code=True", card, StringComparison.Ordinal);
        Assert.Equal(4, card.Split('\n').Count(line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^\| [0-3] \| (\d|dropped) \| (\d+|dropped) \|$")));
        // What others read must not tell where things lie on this machine.
        Assert.DoesNotContain(store.Folder, card, StringComparison.Ordinal);
        Assert.DoesNotContain("trust_remote_code", File.ReadAllText(Path.Combine(twin, "README.md")), StringComparison.Ordinal);
        var rows = _session.Run($"Get-Model '{folder}', '{twin}' | Measure-Model -Rounds 3").Select(row => (dynamic)row).ToList();
        Assert.Equal((double)rows[0].Quality, (double)rows[1].Quality);
        Assert.True((long)rows[0].Parameters < (long)rows[1].Parameters);
        ErrorRecord error = Assert.Single(_session.Invoke($"$small | Export-Model '{store.PathOf("zeros.onnx")}' -Format Onnx -Dense").Errors);
        Assert.StartsWith("ZipLM.ExportDenseOnnx,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatExistsIsTouchedOnlyWithForce()
    {
        string path = store.CopyOfBert("kept");
        store.File("kept/notes.txt", "mine");
        var before = Directory.EnumerateFiles(path).Order(StringComparer.Ordinal).Select(file => (file, File.GetLastWriteTimeUtc(file))).ToList();
        ErrorRecord error = Assert.Single(_session.Invoke($"Get-Model bert | Export-Model -Path '{path}'").Errors);
        Assert.StartsWith("ZipLM.ExportTargetExists,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(ErrorCategory.ResourceExists, error.CategoryInfo.Category);
        Assert.Equal(before, Directory.EnumerateFiles(path).Order(StringComparer.Ordinal).Select(file => (file, File.GetLastWriteTimeUtc(file))));

        _session.Run($"Get-Model bert | Export-Model -Path '{path}' -Force");
        Assert.False(File.Exists(Path.Combine(path, "notes.txt")));
        Assert.True(File.Exists(Path.Combine(path, "model.safetensors")));
    }

    [Fact]
    public void ForceNeverReplacesAFolderThatIsNoModel()
    {
        Directory.CreateDirectory(store.PathOf("letters"));
        string letter = store.File("letters/letter.txt", "dear");
        ErrorRecord error = Assert.Single(_session.Invoke($"Get-Model bert | Export-Model -Path '{store.PathOf("letters")}' -Force").Errors);
        Assert.StartsWith("ZipLM.ExportTargetNotModel,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal("dear", File.ReadAllText(letter));
    }

    [Fact]
    public void RelativePathsStartAtTheSessionsLocation()
    {
        _session.Run($$"""
            $paths = $ExecutionContext.SessionState.Path
            $paths.PushCurrentLocation('here')
            try { $null = $paths.SetLocation('{{store.Folder}}'); Get-Model bert | Export-Model -Path ./here; $null = Get-Model here }
            finally { $null = $paths.PopLocation('here') }
            """);
        Assert.True(File.Exists(store.PathOf("here/config.json")));
    }

    [Theory]
    [InlineData("csv", "Model,")]
    [InlineData("json", "\"Quality\":")]
    public void MeasurementsGoToAFileToo(string extension, string content)
    {
        string file = store.PathOf("rows." + extension);
        string measure = $"'bert', 'bert' | Get-Model | Measure-Model -Rounds 3 -OutFile '{file}'";
        Assert.Equal(2, _session.Run(measure).Count);
        string written = File.ReadAllText(file);
        Assert.Contains(content, written, StringComparison.Ordinal);
        Assert.Equal(2, written.Split("bert").Length - 1);

        ErrorRecord error = Assert.Single(_session.Invoke(measure).Errors);
        Assert.StartsWith("ZipLM.FileExists,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(written, File.ReadAllText(file));
        Assert.Equal(2, _session.Run(measure + " -Force").Count);
    }

    [Fact]
    public void NumbersComeThroughClixml()
    {
        var objects = _session.Run("""
            $bert = Get-Model bert
            $model = $bert | Invoke-StructuredPrune -Speedup 1.2 -LatencyTable $quick -Rounds 5 -SearchTrials 10
            $table = $bert | Measure-LayerLatency -Rounds 3
            $row = $bert | Get-StructureSaliency | Select-First
            $measured = $model | Measure-Model -Rounds 3
            foreach ($object in $model, $table, $row, $measured) {
                [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($object, 3))
            }
            $model; $table; $row; $measured
            """);
        (string Property, Type Type)[] expected =
            [("MeasuredSpeedup", typeof(double)), ("DenseMilliseconds", typeof(double)), ("Saliency", typeof(double)), ("Quality", typeof(double))];
        for (int i = 0; i < expected.Length; i++)
        {
            object back = objects[i].Properties[expected[i].Property].Value;
            Assert.IsType(expected[i].Type, back);
            Assert.Equal(objects[i + expected.Length].Properties[expected[i].Property].Value, back);
        }

        // What the engine keeps in a model is no part of it: it made a row of saliency take seconds to write.
        Assert.Null(objects[0].Properties["Session"]);
        Assert.Null(objects[0].Properties["Description"]);
    }

    [Fact]
    public void AFolderFromThePipelineIsAModel()
    {
        // As Get-ChildItem gives it: with its path as a property.
        dynamic model = _session.Run($"[pscustomobject]@{{ PSPath = 'Microsoft.PowerShell.Core\\FileSystem::{store.BertFolder}' }} | Get-Model").Single();
        Assert.Equal("bert", model.Name);
    }
}
