using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using Xunit;

namespace ZipLM.PowerShell.Tests;

[Collection(TinyStoreCollection.Name)]
public sealed class JobTests(TinyStore store) : IDisposable
{
    /// <summary>Training that would take minutes.</summary>
    private const string Long = "Start-ModelTraining -Epochs 10000";

    [SuppressMessage("Usage", "CA2213", Justification = "The store's own.")]
    private readonly ModuleSession _session = store.Session;

    public void Dispose() => _session.Run("Get-Job | Remove-Job -Force");

    [Fact]
    public void StartGivesOneRunningJobAtOnceWithAChildForEachModel()
    {
        var job = _session.One<Job>($"$job = 'bert', 'bert' | Get-Model | {Long}; $job");
        Assert.Equal(JobState.Running, job.JobStateInfo.State);
        Assert.Equal(["bert", "bert"], job.ChildJobs.Select(child => child.Name));
        Assert.Contains("Start-ModelTraining", job.Command, StringComparison.Ordinal);
        Assert.Equal(job.Id, _session.One<int>("(Get-Job).Id"));

        // The first of the two is at work while the other one waits for its turn; Stop-Job ends both.
        Assert.True(SpinWait.SpinUntil(() => job.ChildJobs.Select(child => child.StatusMessage).Order(StringComparer.Ordinal).ToArray()
            is [var working, "waiting for another operation"] && working.StartsWith("step ", StringComparison.Ordinal), TimeSpan.FromMinutes(1)), job.StatusMessage);
        var watch = Stopwatch.StartNew();
        _session.Run("Stop-Job $job");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.All([job, .. job.ChildJobs], ended => Assert.Equal(JobState.Stopped, ended.JobStateInfo.State));
        Assert.Empty(_session.Run("Receive-Job $job"));
        _session.Run("Get-Model bert | Measure-Model -Rounds 3");
    }

    /// <summary>A thread within torch while its libraries are taken down would end the process by a signal (139).</summary>
    [Theory]
    [InlineData("exit 5", 5)]
    [InlineData("'at work'", 0)]
    public void TheProcessEndsAsItShouldWhileAJobIsAtWork(string last, int code)
    {
        ZiplmProcess result = ZiplmProcess.Run(new Dictionary<string, string>(), $$"""
            $null = Connect-GpuSession -Device cpu
            $job = Get-Model bert | {{Long}}
            while ($job.StatusMessage -notlike 'step *') { [Threading.Thread]::Sleep(20) }
            {{last}}

            """);
        Assert.Equal(code, result.ExitCode);
        Assert.Empty(result.Errors);
    }

    [Fact]
    public void CtrlCWhileWaitingForAJobEndsTheProcessWithItsOwnCode()
    {
        (ZiplmProcess result, TimeSpan time) = ZiplmProcess.Interrupt("at work", "-Command", $$"""
            $null = Connect-GpuSession -Device cpu
            $job = Get-Model bert | {{Long}}
            while ($job.StatusMessage -notlike 'step *') { [Threading.Thread]::Sleep(20) }
            'at work'
            Receive-Job $job -Wait
            """);
        Assert.Equal(130, result.ExitCode);
        Assert.InRange(time, TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void ReceiveGivesTheLearningCurveAndTheModel()
    {
        Outcome received = _session.Invoke("Get-Model bert | Start-ModelTraining -Epochs 2 -ValidationData $dev | Receive-Job -Wait -AutoRemoveJob");
        Assert.Empty(received.Errors);
        Assert.Equal("bert-trained", ((dynamic)received.Output.Single()).Name);
        Assert.Equal("NotSaved", ((dynamic)received.Output.Single()).State.ToString());
        var curve = received.Information.Select(record => record.MessageData is PSObject wrapped ? (dynamic)wrapped.BaseObject : record.MessageData).ToList();
        Assert.All(received.Information, record => Assert.Contains("ZipLM", record.Tags));
        Assert.Equal(2, curve.Count(metric => metric.Validation is double));
        Assert.All(curve, metric => Assert.True(metric.Loss > 0 && metric.TokensPerSecond > 0, "A line of the curve has no figures."));
        Assert.Empty(_session.Run("Get-Job"));
    }

    [Fact]
    public void ADistilledStudentLearnsFromTheTeacherThatItsRecordNames()
    {
        Outcome received = _session.Invoke("""
            $small = Get-Model bert | Invoke-StructuredPrune -Speedup 1.3 -LatencyTable $quick -Rounds 5 -SearchTrials 10
            $small | Start-TokenDistillation -Epochs 1 -LearningRate 1e-3 | Receive-Job -Wait -AutoRemoveJob
            """);
        Assert.Empty(received.Errors);
        dynamic student = received.Output.Single();
        Assert.Equal("bert-1.3x-distilled", student.Name);
        Assert.Equal(1.3, student.TargetSpeedup);
        dynamic last = received.Information[^1].MessageData is PSObject wrapped ? wrapped.BaseObject : received.Information[^1].MessageData;
        Assert.True(last.TaskLoss is double && last.LogitLoss is double && last.TokenLoss is double, "A term of the loss is missing.");
    }

    [Fact]
    public void TwoJobsTakeTurnsAndTheOneThatWaitsSaysSo()
    {
        var first = _session.One<Job>($"$first = Get-Model bert | {Long}; $first");
        Assert.True(SpinWait.SpinUntil(() => first.StatusMessage.StartsWith("step ", StringComparison.Ordinal), TimeSpan.FromSeconds(20)), first.StatusMessage);
        var second = _session.One<Job>("$second = Get-Model bert | Start-ModelTraining -Epochs 0.2; $second");
        Assert.True(SpinWait.SpinUntil(() => second.StatusMessage == "waiting for another operation", TimeSpan.FromSeconds(20)), second.StatusMessage);
        Assert.Equal("Waiting", second.ChildJobs[0].Progress[0].Activity);
        _session.Run("Stop-Job $first; $null = $second | Wait-Job -Timeout 30");
        Assert.Equal((JobState.Stopped, JobState.Completed), (first.JobStateInfo.State, second.JobStateInfo.State));
    }

    [Fact]
    public void WaitJobEndsWithTheJob()
    {
        var job = _session.One<Job>("Get-Model bert | Start-ModelTraining -Epochs 0.2 | Wait-Job -Timeout 60");
        Assert.Equal(JobState.Completed, job.JobStateInfo.State);
        Assert.True(job.HasMoreData, "There is nothing to receive.");
        Assert.Equal(ProgressRecordType.Completed, job.ChildJobs[0].Progress[^1].RecordType);
    }

    [Fact]
    public void AJobThatCannotDoItsWorkHasFailedWithOneErrorAndTheOthersGoOn()
    {
        Outcome outcome = _session.Invoke("""
            $seed = New-Model -Name seed -Layers 1 -HiddenSize 16 -Heads 2 -TrainingData $train -VocabularySize 150
            $job = $seed, (Get-Model bert) | Start-ModelTraining -Epochs 0.1
            $job | Wait-Job -Timeout 60 | ForEach-Object { $_.State; $_.ChildJobs | ForEach-Object { $_.State } }
            Receive-Job $job | ForEach-Object { $_.Name }
            """);
        Assert.Equal(["Failed", "Failed", "Completed", "bert-trained"], outcome.Output.Select(item => $"{item}"));
        ErrorRecord error = Assert.Single(outcome.Errors);
        Assert.StartsWith("ZipLM.TrainingDataMissing", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal("seed", ((dynamic)error.TargetObject).Name);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
    }

    [Theory]
    [InlineData("Measure-LayerLatency -Rounds 3", "LatencyTable")]
    [InlineData("Measure-Model -Rounds 3", "ModelMeasurement")]
    [InlineData("Invoke-StructuredPrune -Speedup 1.3 -LatencyTable $quick -Rounds 5 -SearchTrials 10", "Model")]
    [InlineData("Get-StructureSaliency", "StructureSaliency")]
    public void AsJobGivesWhatTheCommandGives(string command, string type)
    {
        var job = _session.One<Job>($"$job = Get-Model bert | {command} -AsJob; $job");
        var results = _session.Run("$job | Receive-Job -Wait -AutoRemoveJob");
        Assert.Equal(JobState.Completed, job.JobStateInfo.State);
        Assert.NotEmpty(results);
        Assert.All(results, result => Assert.Contains("ZipLM." + type, result.TypeNames));
    }

    [Fact]
    public void AStoppedJobShowsNothingAsInProgress()
    {
        var job = _session.One<Job>("$job = Get-Model bert | Measure-LayerLatency -Rounds 100000 -AsJob; $job");
        Assert.True(SpinWait.SpinUntil(() => job.ChildJobs[0].Progress.Count > 0, TimeSpan.FromMinutes(1)), "It shows no progress.");
        _session.Run("$job | Stop-Job");
        Assert.Equal(JobState.Stopped, job.JobStateInfo.State);
        Assert.Equal(ProgressRecordType.Completed, job.ChildJobs[0].Progress[^1].RecordType);
    }

    [Fact]
    public void OtherWorkWaitsForItsTurnAndSaysSo()
    {
        var job = _session.One<Job>($"$job = Get-Model bert | {Long}; $job");
        Assert.True(SpinWait.SpinUntil(() => job.StatusMessage.StartsWith("step ", StringComparison.Ordinal), TimeSpan.FromMinutes(1)), job.StatusMessage);
        (PSInvocationState state, TimeSpan time) = _session.Interrupt(
            "Get-Model bert | Measure-LayerLatency -Rounds 3 -SequenceLength 8 -Verbose",
            streams => Enumerable.Range(0, streams.Verbose.Count).Any(i => streams.Verbose[i].Message.StartsWith("Waiting", StringComparison.Ordinal)));
        Assert.Equal(PSInvocationState.Stopped, state);
        Assert.InRange(time, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.Equal(JobState.Running, job.JobStateInfo.State);

        // Nor is the session taken away from under it.
        ErrorRecord error = Assert.Single(_session.Invoke("Get-GpuSession | Disconnect-GpuSession").Errors);
        Assert.StartsWith("ZipLM.SessionBusy,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void AStoppedTrainingGoesOnFromItsCheckpointWithinTwoSecondsOfTheStop()
    {
        string folder = Directory.CreateTempSubdirectory("ziplm-run-").FullName;
        try
        {
            string command = $"Get-Model bert | Start-ModelTraining -Epochs 40 -CheckpointPath '{folder}/{{0}}'";
            Outcome whole = _session.Invoke(string.Format(System.Globalization.CultureInfo.InvariantCulture, command, "whole") + " | Receive-Job -Wait -AutoRemoveJob");
            Assert.Empty(whole.Errors);

            string stopped = string.Format(System.Globalization.CultureInfo.InvariantCulture, command, "stopped");
            var job = _session.One<Job>($"$job = {stopped}; $job");
            Assert.True(SpinWait.SpinUntil(() => job.StatusMessage.StartsWith("step ", StringComparison.Ordinal), TimeSpan.FromMinutes(1)), job.StatusMessage);
            var watch = Stopwatch.StartNew();
            _session.Run("Stop-Job $job");
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
            Assert.True(File.Exists($"{folder}/stopped/checkpoint.safetensors"), "There is no checkpoint.");

            Outcome rest = _session.Invoke($"{stopped} -Verbose | Receive-Job -Wait -AutoRemoveJob");
            Assert.Empty(rest.Errors);
            Assert.Equal(Losses("whole"), Losses("stopped"));

            string[] Losses(string name) => [.. File.ReadLines($"{folder}/{name}/metrics.jsonl").Select(l => l[l.IndexOf("\"Loss\"", StringComparison.Ordinal)..l.IndexOf("\"TokensPerSecond\"", StringComparison.Ordinal)])];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void TwoModelsCannotBeKeptInOneDirectoryAndEachMayNameItsOwn()
    {
        string folder = Directory.CreateTempSubdirectory("ziplm-run-").FullName;
        try
        {
            Outcome outcome = _session.Invoke($"'bert', 'bert' | Get-Model | Start-ModelTraining -Epochs 0.1 -CheckpointPath '{folder}/one' | Wait-Job -Timeout 60 | Receive-Job");
            Assert.StartsWith("ZipLM.CheckpointPathShared,", Assert.Single(outcome.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.Single(outcome.Output);
            outcome = _session.Invoke($"Get-Model bert | Start-ModelTraining -Epochs 0.1 -CheckpointPath {{ \"{folder}/$($_.Name)\" }} | Wait-Job -Timeout 60 | Receive-Job");
            Assert.Empty(outcome.Errors);
            Assert.True(File.Exists($"{folder}/bert/metrics.jsonl"), "The directory is not named after the model.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void RemoveWithForceStopsFirst()
    {
        var job = _session.One<Job>($"Get-Model bert | {Long}");
        _session.Run($"Remove-Job -Id {job.Id} -Force");
        Assert.Equal(JobState.Stopped, job.JobStateInfo.State);
        Assert.Empty(_session.Run("Get-Job"));
    }

    [Fact]
    public void CtrlCBeforeAllModelsHaveComeLeavesNoJobThatNeverEnds()
    {
        (PSInvocationState state, TimeSpan time) = _session.Interrupt(
            $"function Give {{ [CmdletBinding()] param() Get-Model bert; $PSCmdlet.WriteVerbose('given'); while ($true) {{ [Threading.Thread]::Sleep(20) }} }} Give -Verbose | {Long}",
            streams => Enumerable.Range(0, streams.Verbose.Count).Any(i => streams.Verbose[i].Message == "given"));
        Assert.Equal(PSInvocationState.Stopped, state);
        Assert.InRange(time, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.Empty(_session.Run("Get-Job"));
    }
}
