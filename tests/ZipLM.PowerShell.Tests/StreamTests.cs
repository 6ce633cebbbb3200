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
    [InlineData("Get-Model bert | Invoke-StructuredPrune -Speedup 1.2 -Rounds 5")]
    [InlineData("Get-Model bert | Invoke-StructuredPrune -Speedup 1000 -Rounds 5 -ErrorAction Ignore")]
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
        const string Command = "Get-Model bert | Invoke-StructuredPrune -Speedup 1.2 -Rounds 5";
        Assert.Empty(store.Session.Invoke(Command).Verbose);
        var steps = store.Session.Invoke(Command + " -Verbose").Verbose;
        Assert.Contains(steps, step => step.Contains(store.TrainFile, StringComparison.Ordinal));
        Assert.Contains(steps, step => step.StartsWith("Taking statistics", StringComparison.Ordinal));
        Assert.Contains(steps, step => step.Contains("interleaved rounds", StringComparison.Ordinal));
    }

    [Fact]
    public void TheCpuInPlaceOfCudaIsOneWarningThatNamesTheCause()
    {
        using var session = new ModuleSession();
        Outcome outcome = session.Invoke("1..2 | ForEach-Object { $null = Get-Model bert }; (Get-GpuSession).Device");
        if ($"{outcome.Output.Single()}" == "cpu")
            Assert.Contains("CUDA", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
        else
            Assert.Empty(outcome.Warnings);
        session.Run("Disconnect-GpuSession");
    }
}
