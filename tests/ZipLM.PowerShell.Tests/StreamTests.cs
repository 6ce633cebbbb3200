using System.Globalization;
using System.Management.Automation;
using Xunit;

namespace ZipLM.PowerShell.Tests;

[Collection(TinyStoreCollection.Name)]
public sealed class StreamTests(TinyStore store)
{
    [Fact]
    public void ProgressIsThinHasItsSecondsAndEnds()
    {
        DateTime start = DateTime.UtcNow;
        Outcome outcome = store.Session.Invoke("Get-Model bert | Measure-LayerLatency -Rounds 200 -SequenceLength 8");
        double seconds = (DateTime.UtcNow - start).TotalSeconds;
        Assert.Single(outcome.Output);
        ProgressRecord[] records = [.. outcome.Progress.Where(record => record.Activity == "Measuring latency")];
        Assert.Equal(ProgressRecordType.Completed, records[^1].RecordType);
        ProgressRecord[] shown = records[..^1];
        Assert.All(shown, record => Assert.Equal(ProgressRecordType.Processing, record.RecordType));
        Assert.InRange(shown.Length, 1, (int)(seconds * 5) + 1);
        Assert.All(records, record => Assert.Equal(records[0].ActivityId, record.ActivityId));
        Assert.All(shown.Skip(1), record => Assert.InRange(record.SecondsRemaining, 0, 600));
    }

    [Theory]
    [InlineData("Get-Model bert | Invoke-StructuredPrune -Speedup 1.2 -Rounds 5 -SearchTrials 10")]
    [InlineData("Get-Model bert | Invoke-StructuredPrune -Speedup 1000 -LatencyTable $quick -Rounds 5 -SearchTrials 10 -ErrorAction Ignore")]
    [InlineData("Get-Model bert | Get-StructureSaliency")]
    [InlineData("Get-Model bert | Measure-Model -Rounds 3")]
    public void EveryActivityThatIsShownEnds(string command)
    {
        Outcome outcome = store.Session.Invoke(command);
        Assert.NotEmpty(outcome.Progress);
        Assert.All(outcome.Progress.GroupBy(record => record.ActivityId), activity =>
            Assert.Equal(ProgressRecordType.Completed, activity.Last().RecordType));
    }

    [Fact]
    public void VerboseTellsTheStepsAndSilenceIsTheDefault()
    {
        const string Command = "Get-Model bert | Measure-LayerLatency -Rounds 5 {0} | Invoke-StructuredPrune -Speedup 1.2 -Rounds 5 -SearchTrials 10 {0}";
        Assert.Empty(store.Session.Invoke(string.Format(CultureInfo.InvariantCulture, Command, "")).Verbose);
        var steps = store.Session.Invoke(string.Format(CultureInfo.InvariantCulture, Command, "-Verbose")).Verbose;
        Assert.Contains(steps, step => step.Contains(store.TrainFile, StringComparison.Ordinal));
        Assert.Contains(steps, step => step.StartsWith("Taking statistics", StringComparison.Ordinal));
        Assert.Contains(steps, step => step.Contains("interleaved rounds", StringComparison.Ordinal));
    }

    [Fact]
    public void TheCpuInPlaceOfCudaIsOneWarningThatNamesTheCause()
    {
        // A process of its own: the warning comes once in a process, with the first work.
        string folder = Directory.CreateTempSubdirectory("ziplm-tests-").FullName;
        try
        {
            var environment = new Dictionary<string, string> { ["ZIPLM_HOME"] = folder };
            string script = Path.Combine(folder, "script.ps1");
            File.WriteAllText(script, """
                [IO.File]::WriteAllLines("$PSScriptRoot/text.txt", [string[]](1..512 | ForEach-Object { "words of line $_" }))
                $data = Import-TextDataset "$PSScriptRoot/text.txt"
                $tiny = New-Model -Name tiny -Layers 1 -HiddenSize 16 -Heads 2 -TrainingData $data -VocabularySize 110
                foreach ($round in 1, 2) { $null = $tiny | Get-StructureSaliency -CalibrationData $data -WarningVariable +said -WarningAction SilentlyContinue }
                (Get-GpuSession).Device
                $said | ForEach-Object Message
                """);
            ZiplmProcess result = ZiplmProcess.Run(environment, "", script);
            Assert.Equal("", result.Errors);
            string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (lines[0] == "cpu")
                Assert.Contains("CUDA", Assert.Single(lines[1..]), StringComparison.Ordinal);
            else
                Assert.Single(lines);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
