using System.Management.Automation;
using Xunit;

namespace ZipLM.PowerShell.Tests;

[Collection(TinyStoreCollection.Name)]
public sealed class StoppingTests(TinyStore store)
{
    private readonly ModuleSession _session = store.Session;

    [Theory]
    [InlineData("Get-Model bert | Measure-LayerLatency -Rounds 100000", "Measuring latency")]
    [InlineData("Get-Model bert | Invoke-StructuredPrune -Speedup 1.3 -Rounds 100000 -LatencyTable (Get-Model bert | Measure-LayerLatency -Rounds 3)", "Ordering structures")]
    [InlineData("Get-Model bert | Measure-Model -Rounds 100000", "Measuring speed")]
    [InlineData("Get-Model bert | Start-ModelTraining -Epochs 10000 | Receive-Job -Wait -AutoRemoveJob", "Training")]
    public void CtrlCEndsACommandWithinTwoSeconds(string command, string activity)
    {
        (PSInvocationState state, TimeSpan time) = _session.Interrupt(
            // By index: a copy of the collection is made without its lock while the command adds to it.
            command, streams => Enumerable.Range(0, streams.Progress.Count).Any(i => streams.Progress[i].Activity == activity));
        Assert.Equal(PSInvocationState.Stopped, state);
        Assert.InRange(time, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        _session.Run("Get-Job | Remove-Job -Force");

        // The session works on, and nobody holds its turn.
        Assert.Single(_session.Run("Get-Model bert | Measure-Model -Rounds 3"));
    }

    [Fact]
    public void CtrlCEndsCalibrationWithinTwoSeconds()
    {
        // Enough rows to be at it for minutes; made in memory.
        string file = store.File("long.txt", string.Concat(Enumerable.Repeat("the old heron was near the big saw here\n", 200_000)));
        _session.Run($"$long = Import-TextDataset '{file}'");
        (PSInvocationState state, TimeSpan time) = _session.Interrupt(
            "Get-Model bert | Get-StructureSaliency -CalibrationData $long -CalibrationSamples 200000 -Verbose",
            streams => streams.Verbose.Count > 0);
        Assert.Equal(PSInvocationState.Stopped, state);
        Assert.InRange(time, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.Single(_session.Run("Get-Model bert | Measure-LayerLatency -Rounds 3"));
    }
}
