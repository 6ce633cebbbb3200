using System.Management.Automation;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>Every bad input gives exactly one error that says what is wrong, where, and what to do.</summary>
[Collection(TinyStoreCollection.Name)]
public sealed class BadInputTests(TinyStore store)
{
    private readonly ModuleSession _session = store.Session;

    [Fact]
    public void AModelThatIsNowhereListsWhereItWasLookedFor()
    {
        ErrorRecord error = Failure("Get-Model no-such-model", "ModelNotFound", ErrorCategory.ObjectNotFound);
        Assert.Equal("no-such-model", error.TargetObject);
        Assert.Contains(store.PathOf("ZIPLM_HOME/models/no-such-model"), error.ToString(), StringComparison.Ordinal);
        Assert.Contains(store.PathOf("HF_HUB_CACHE"), error.ToString(), StringComparison.Ordinal);
        Assert.Contains(Path.Combine(Environment.CurrentDirectory, "no-such-model"), error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void MissingWeights()
    {
        string model = store.CopyOfBert("without-weights");
        File.Delete(Path.Combine(model, "model.safetensors"));
        AssertNames(model, Failure($"Get-Model '{model}'", "CheckpointMissing", ErrorCategory.ObjectNotFound));
    }

    [Fact]
    public void TruncatedWeights()
    {
        string model = store.CopyOfBert("truncated");
        using (FileStream file = File.OpenWrite(Path.Combine(model, "model.safetensors")))
            file.SetLength(file.Length / 2);
        AssertNames(model, Failure($"Get-Model '{model}'", null, ErrorCategory.InvalidData));
    }

    [Fact]
    public void AHeaderThatLiesAboutOffsets()
    {
        string model = store.CopyOfBert("lying");
        EditHeader(model, header =>
        {
            JsonArray offsets = header["classifier.weight"]!["data_offsets"]!.AsArray();
            offsets[1] = offsets[1]!.GetValue<long>() + 4;
        });
        AssertNames(model, Failure($"Get-Model '{model}'", null, ErrorCategory.InvalidData));
    }

    [Fact]
    public void OverlappingTensors()
    {
        string model = store.CopyOfBert("overlapping");
        EditHeader(model, header =>
        {
            JsonObject moved = header["bert.embeddings.LayerNorm.weight"]!.AsObject();
            moved["data_offsets"] = header["bert.embeddings.LayerNorm.bias"]!["data_offsets"]!.DeepClone();
        });
        AssertNames(model, Failure($"Get-Model '{model}'", null, ErrorCategory.InvalidData));
    }

    [Fact]
    public void WeightsThatAreNotNumbers()
    {
        string model = store.CopyOfBert("not-a-number");
        using (FileStream file = File.OpenWrite(Path.Combine(model, "model.safetensors")))
        {
            file.Position = file.Length - sizeof(float);
            file.Write(BitConverter.GetBytes(float.NaN));
        }

        AssertNames(model, Failure($"Get-Model '{model}' | Measure-Model -Rounds 3", "ModelWeightsNotFinite", ErrorCategory.InvalidData));
    }

    [Theory]
    [InlineData("intermediate_size", "64", "ModelShapeMismatch")]
    [InlineData("num_hidden_layers", "5", null)]
    [InlineData("model_type", "\"gpt9\"", "ModelFamilyUnknown")]
    [InlineData("architectures", "[\"BertForPoetry\"]", "ModelArchitectureUnknown")]
    [InlineData("hidden_size", "\"wide\"", "ModelConfigInvalid")]
    public void AConfigThatContradictsTheWeightsOrIsUnknown(string key, string value, string? id)
    {
        string model = store.CopyOfBert("config-" + key);
        File.Delete(Path.Combine(model, "ziplm.json"));
        string path = Path.Combine(model, "config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        Failure($"Get-Model '{model}'", id, ErrorCategory.InvalidData);
    }

    [Fact]
    public void OneBadModelInAPipelineDoesNotStopTheOthers()
    {
        string bad = store.CopyOfBert("bad-in-the-middle");
        File.Delete(Path.Combine(bad, "model.safetensors"));
        Outcome outcome = _session.Invoke($"'bert', '{bad}', 'nowhere', 'bert' | Get-Model | ForEach-Object Name");
        Assert.Equal(["bert", "bert"], outcome.Output.Select(name => $"{name}"));
        Assert.Equal(2, outcome.Errors.Count);

        string headless = store.CopyOfBert("without-a-record");
        File.Delete(Path.Combine(headless, "ziplm.json"));
        outcome = _session.Invoke($"'bert', '{headless}', 'bert' | Get-Model | Measure-Model -Rounds 3");
        Assert.Equal(2, outcome.Output.Count);
        ErrorRecord error = Assert.Single(outcome.Errors);
        Assert.StartsWith("ZipLM.MeasurementDataMissing,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal("without-a-record", ((dynamic)error.TargetObject).Name);
    }

    [Theory]
    [InlineData("empty.tsv", "text\tlabel\n", "", "DatasetEmpty")]
    [InlineData("columns.tsv", "a\tb\nx\t1\n", "", "DatasetColumnMissing")]
    [InlineData("column.tsv", "text\tlabel\nx\t1\n", "-LabelColumn queue", "DatasetColumnMissing")]
    [InlineData("label.tsv", "text\tlabel\nx\t-1\n", "", "LabelOutOfRange")]
    [InlineData("labels.tsv", "text\tlabel\nx\tbird\n", "-Label cat, dog", "LabelOutOfRange")]
    public void ADataSetThatCannotBeUsed(string name, string text, string parameters, string id)
    {
        string file = store.File(name, text);
        ErrorRecord error = Failure($"Import-TextDataset '{file}' {parameters}", id, ErrorCategory.InvalidData);
        Assert.Equal(file, error.TargetObject);
        Assert.Contains(file, error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Import-TextDataset ./missing.tsv", "./missing.tsv")]
    [InlineData("Import-TextDataset ./missing*.tsv", "./missing*.tsv")]
    [InlineData("Import-TextDataset nodrive:/x.tsv", "nodrive:/x.tsv")]
    [InlineData("Import-TextDataset -LiteralPath nodrive:/x.tsv", "nodrive:/x.tsv")]
    [InlineData("Get-Model -LiteralPath nodrive:/x", "nodrive:/x")]
    [InlineData("Get-Model nodrive:/x*", "nodrive:/x*")]
    [InlineData("Get-Model nothing::x*", "nothing::x*")]
    [InlineData("Get-Model bert | Export-Model -Path nodrive:/x", "nodrive:/x")]
    [InlineData("Get-Model bert | Measure-Model -OutFile nodrive:/x.csv", "nodrive:/x.csv")]
    public void APathThatLeadsNowhere(string command, string target) =>
        Assert.Equal(target, Failure(command, "PathNotFound", ErrorCategory.ObjectNotFound).TargetObject);

    [Theory]
    [InlineData("Import-TextDataset variable:HOME")]
    [InlineData("Get-Model bert | Export-Model -Path env:/x")]
    [InlineData("Get-Model env:HO*")]
    public void APathOfSomethingElseThanFiles(string command) => Failure(command, "PathNotFile", ErrorCategory.InvalidArgument);

    [Theory]
    [InlineData("Measure-LayerLatency -SequenceLength 33")]
    [InlineData("Measure-Model -SequenceLength 33")]
    [InlineData("Invoke-StructuredPrune -Speedup 1.3 -SequenceLength 33")]
    public void ASequenceBeyondThePositions(string command)
    {
        ErrorRecord error = Failure("Get-Model bert | " + command, "SequenceTooLong", ErrorCategory.InvalidArgument);
        Assert.Equal(33, error.TargetObject);
        Assert.Contains("32", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnreachableSpeedupNamesTheLargestThatCanBeReached()
    {
        _session.Run("$table = Get-Model bert | Measure-LayerLatency -Rounds 30");
        ErrorRecord error = Failure("$table | Invoke-StructuredPrune -Speedup 1000 -Rounds 5 -SearchTrials 10", "SpeedupUnreachable", ErrorCategory.InvalidArgument);
        Assert.Equal(1000.0, error.TargetObject);

        // By hand: all sublayers at their fastest level.
        double largest = _session.One<double>("""
            $fastest = foreach ($kind in 'Attention', 'FeedForward') {
                $table.Levels | Where-Object Sublayer -eq $kind | ForEach-Object { $least = [double]::MaxValue } { $least = [Math]::Min($least, $_.Milliseconds) } { $least }
            }
            $table.DenseMilliseconds / ($table.RestMilliseconds + 4 * ($fastest[0] + $fastest[1]))
            """);
        string named = (Math.Floor(largest * 100) / 100).ToString("0.00", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Contains($"the largest that can is {named}×", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnreachableSpeedupAmongOthersIsOneErrorAndTheOthersGoOn()
    {
        Outcome outcome = _session.Invoke("Get-Model bert | Invoke-StructuredPrune -LatencyTable $quick -Speedup 1.0001, 1000, 1.2 -Rounds 3 -SearchTrials 10 -CalibrationSamples 64");
        ErrorRecord error = Assert.Single(outcome.Errors);
        Assert.StartsWith("ZipLM.SpeedupUnreachable", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(1000.0, error.TargetObject);
        Assert.Equal(["bert-1.0001x", "bert-1.2x"], outcome.Output.Select(model => (string)((dynamic)model).Name));
    }

    [Theory]
    [InlineData("/proc/x.csv", "FileNotWritable", ErrorCategory.ResourceUnavailable)]
    [InlineData("/nowhere/x.json", "FileNotWritable", ErrorCategory.ResourceUnavailable)]
    public void AFileThatCannotBeWrittenIsSaidBeforeAnythingIsMeasured(string file, string id, ErrorCategory category)
    {
        Outcome outcome = _session.Invoke($"Get-Model bert | Measure-Model -Rounds 3 -OutFile {file}");
        Assert.Equal(file, Single(outcome, id, category).TargetObject);
        Assert.Empty(outcome.Output);
    }

    [Fact]
    public void AFolderThatTakesNoModelIsNamedAsTheUserDid()
    {
        ErrorRecord error = Failure("Get-Model bert | Export-Model -Path /proc/x", "FileNotWritable", ErrorCategory.ResourceUnavailable);
        Assert.Equal("/proc/x", error.TargetObject);
        Assert.DoesNotContain(".tmp", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void AFullDiskIsOneErrorOfEachCommandThatWrites()
    {
        string disk = Directory.CreateDirectory(store.PathOf("full-disk")).FullName;
        ZiplmProcess? result = ZiplmProcess.RunOnFullDisk(disk, "-Command", $$"""
            $bert = Get-Model bert
            $bert | Export-Model -Path '{{disk}}/model'
            $bert | Measure-Model -Rounds 3 -OutFile '{{disk}}/figures.csv' | ForEach-Object { }
            $bert | Get-StructureSaliency -CalibrationSamples 16 -StatisticsPath '{{disk}}/statistics' | ForEach-Object { }
            foreach ($e in $Error) { $e.FullyQualifiedErrorId.Split(',')[0] + ' ' + $e.TargetObject }
            [IO.Directory]::GetFileSystemEntries('{{disk}}')
            """);
        Assert.SkipWhen(result is null, "This account may not mount a small disk.");
        Assert.Equal(
            [$"ZipLM.DiskFull {disk}/statistics/layer-00-Attention.safetensors", $"ZipLM.DiskFull {disk}/figures.csv", $"ZipLM.DiskFull {disk}/model/config.json", $"{disk}/filler"],
            result!.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void BlankTextIsWarnedOfAndAFileOfNothingElseIsRefused()
    {
        string some = store.File("some.tsv", "text\tlabel\napple\ta\n \tb\n\ta\n");
        Outcome outcome = _session.Invoke($"Import-TextDataset '{some}'");
        Assert.Single(outcome.Output);
        Assert.Contains("2 of 3 rows", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
        string none = store.File("none.tsv", "text\tlabel\n \ta\n\tb\n");
        Failure($"Import-TextDataset '{none}'", "DatasetEmpty", ErrorCategory.InvalidData);
    }

    [Fact]
    public void AFolderAsDataAndANameWithBracketsAreSaidToBeThat()
    {
        Assert.Contains("is a folder", Failure($"Import-TextDataset '{store.Folder}'", "DatasetNotReadable", ErrorCategory.ResourceUnavailable).ToString(), StringComparison.Ordinal);
        string file = store.File("data[1].tsv", "text\napple\n");
        Assert.Contains("-LiteralPath", Failure($"Import-TextDataset '{file}'", "PathNotFound", ErrorCategory.ObjectNotFound).ToString(), StringComparison.Ordinal);
        Assert.Single(_session.Run($"Import-TextDataset -LiteralPath '{file}'"));
    }

    [Theory]
    [InlineData("0.5", 0.5)]
    [InlineData("1", 1.0)]
    [InlineData("1.3, -2", -2.0)]
    [InlineData("([double]::NaN)", double.NaN)]
    public void ASpeedupThatIsNoneIsRefusedBeforeAnythingIsMeasured(string speedup, double target)
    {
        Outcome outcome = _session.Invoke($"Get-Model bert | Measure-LayerLatency -Verbose | Invoke-StructuredPrune -Speedup {speedup}");
        Assert.Equal(target, Single(outcome, "SpeedupInvalid", ErrorCategory.InvalidArgument).TargetObject);
        Assert.Empty(outcome.Verbose);
    }

    [Theory]
    [InlineData("cuda:7", "DeviceUnavailable", ErrorCategory.ResourceUnavailable)]
    [InlineData("tpu", "DeviceUnknown", ErrorCategory.InvalidArgument)]
    [InlineData("cuda:-1", "DeviceUnknown", ErrorCategory.InvalidArgument)]
    public void ADeviceThatDoesNotExistIsNeverReplaced(string device, string id, ErrorCategory category)
    {
        int before = _session.Run("Get-GpuSession").Count;
        Assert.Equal(device, Failure($"Connect-GpuSession -Device {device}", id, category).TargetObject);
        Assert.Equal(before, _session.Run("Get-GpuSession").Count);
    }

    [Fact]
    public void DataWithoutLabelsNamesTheModelThatWasMeasured()
    {
        string file = store.File("plain.txt", "no label here\nnor here\n");
        ErrorRecord error = Failure($"Get-Model bert | Measure-Model -Data (Import-TextDataset '{file}') -Rounds 3", "DatasetUnlabelled", ErrorCategory.InvalidData);
        Assert.NotNull(error.TargetObject);
    }

    [Fact]
    public void ASecondSessionMustAgreeOnTheThreads() =>
        Assert.Equal(99, Failure("Connect-GpuSession -Device cpu -Threads 99", "SessionThreadsConflict", ErrorCategory.InvalidOperation).TargetObject);

    [Fact]
    public void RowsOfPartOfAModelDoNotPrune() =>
        Failure("Get-Model bert | Get-StructureSaliency | Where-Object Sublayer -eq Attention | Invoke-StructuredPrune -Speedup 1.3", "SaliencyIncomplete", ErrorCategory.InvalidArgument);

    [Fact]
    public void NothingToPruneSaysSo() => Failure("Invoke-StructuredPrune -Speedup 1.3", "ModelNotGiven", ErrorCategory.InvalidArgument);

    [Fact]
    public void ATableOfAnotherEnvironmentIsRefusedUnlessForced()
    {
        _session.Run("""
            $table = Get-Model bert | Measure-LayerLatency -SequenceLength 8 -Rounds 30
            $elsewhere = [ZipLM.LatencyTable]::new($table.Model,
                [ZipLM.InferenceEnvironment]::new('cpu', 'another processor', 'Torch', 'Float32', 1, 8, 1, '0'),
                $table.Levels, $table.RestMilliseconds, $table.DenseMilliseconds, 2)
            """);
        Failure("$elsewhere | Invoke-StructuredPrune -Speedup 1.2 -Rounds 3 -SearchTrials 10", "LatencyTableEnvironment", ErrorCategory.InvalidOperation);
        Outcome forced = _session.Invoke("$elsewhere | Invoke-StructuredPrune -Speedup 1.2 -Rounds 3 -SearchTrials 10 -Force");
        Assert.Single(forced.Output);
        Assert.Contains(forced.Warnings, warning => warning.Contains("another processor", StringComparison.Ordinal));
    }

    [Fact]
    public void ADisposedModelSaysSo() =>
        Failure("$gone = Get-Model bert; $gone.Dispose(); $gone | Measure-Model -Rounds 3", "ModelDisposed", ErrorCategory.InvalidOperation);

    [Fact]
    public void NativesThatDoNotLoadAreOneErrorThatEndsTheCommand()
    {
        string empty = Directory.CreateDirectory(store.PathOf("empty-libtorch")).FullName;
        ZiplmProcess result = ZiplmProcess.Run(
            new Dictionary<string, string> { ["ZIPLM_LIBTORCH"] = empty }, null, "-Command",
            "'bert', 'bert' | Get-Model; $Error.Count; $Error[0].FullyQualifiedErrorId; $Error[0].CategoryInfo.Category; $Error[0].TargetObject; $Error[0].ErrorDetails.RecommendedAction");
        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["1", "ZipLM.NativeLibraryUnavailable,ZipLM.PowerShell.Commands.GetModelCommand", "ResourceUnavailable", empty], lines[..4]);
        Assert.Contains("ZIPLM_LIBTORCH", lines[4], StringComparison.Ordinal);
        Assert.Contains(empty, result.Errors, StringComparison.Ordinal);
    }

    private ErrorRecord Failure(string script, string? id, ErrorCategory category) => Single(_session.Invoke(script), id, category);

    private static ErrorRecord Single(Outcome outcome, string? id, ErrorCategory category)
    {
        Assert.Empty(outcome.Output);
        ErrorRecord error = Assert.Single(outcome.Errors);
        Assert.StartsWith(id is null ? "ZipLM." : $"ZipLM.{id},", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.DoesNotContain("Unexpected", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.NotNull(error.TargetObject);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
        return error;
    }

    private static void AssertNames(string model, ErrorRecord error)
    {
        Assert.Contains(model, error.ToString(), StringComparison.Ordinal);
        Assert.StartsWith(model, error.TargetObject.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Changes the header of a model's weights and leaves the data as it is.</summary>
    private static void EditHeader(string model, Action<JsonObject> edit)
    {
        string path = Path.Combine(model, "model.safetensors");
        byte[] file = File.ReadAllBytes(path);
        int length = (int)BitConverter.ToInt64(file);
        JsonObject header = JsonNode.Parse(file.AsSpan(8, length))!.AsObject();
        edit(header);
        byte[] edited = Encoding.UTF8.GetBytes(header.ToJsonString());
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)edited.Length), .. edited, .. file.AsSpan(8 + length)]);
    }
}
