using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>examples/scheduled-task.ps1 as a scheduler runs it: no terminal, nothing on standard input, an exit code.</summary>
public sealed class ScheduledTaskTests : IDisposable
{
    private static readonly string Task = Path.Combine(Built.Repository, "examples/scheduled-task.ps1");

    private readonly string _folder = Directory.CreateTempSubdirectory("ziplm-task-").FullName;

    private Dictionary<string, string> Environment => new() { ["ZIPLM_HOME"] = _folder, ["HF_HUB_CACHE"] = Path.Combine(_folder, "hub") };

    private string Log => Path.Combine(_folder, "night.json");

    private string Nightly => Path.Combine(_folder, "models/tiny-nightly/config.json");

    [Fact]
    public void AModelThatIsNotThereEndsTheTaskWithOne()
    {
        ZiplmProcess result = ZiplmProcess.Run(Environment, "", Task, "-Model", "tiny", "-Device", "cpu", "-Log", Log);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("ZipLM.ModelNotFound", result.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(Log));
    }

    [Fact]
    public void AModelThatKeepsItsPromiseReachesTheStoreAndNoOther()
    {
        MakeModel();

        // Nothing is as good as a loss of less than no quality at all: the gate must close.
        ZiplmProcess refused = Prune("-LargestLoss", "-2");
        Assert.Equal(1, refused.ExitCode);
        Assert.True(File.Exists(Log));
        Assert.False(File.Exists(Nightly));

        // On a busy machine the times may refuse it as well; then the store must not have it.
        ZiplmProcess result = Prune("-LargestLoss", "1");
        Assert.True(result.ExitCode == 0 || result.Errors.Contains("the speedup is", StringComparison.Ordinal), result.Errors);
        Assert.Equal(result.ExitCode == 0, File.Exists(Nightly));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private ZiplmProcess Prune(params string[] arguments) =>
        ZiplmProcess.Run(Environment, "", [Task, "-Model", "tiny", "-Data", Data, "-Speedup", "1.3", "-Epochs", "0", "-Rounds", "10", "-Device", "cpu", "-Log", Log, .. arguments]);

    private string Data => Path.Combine(_folder, "data.tsv");

    private void MakeModel()
    {
        string[] subjects = ["apples", "saws", "otters"];
        File.WriteAllLines(Data, ["text\tlabel", .. Enumerable.Range(0, 90).Select(i => $"row {i} is about {subjects[i % 3]}\t{subjects[i % 3]}")]);
        ZiplmProcess made = ZiplmProcess.Run(Environment, "", "-Command",
            $"$data = Import-TextDataset '{Data}'; $null = Connect-GpuSession -Device cpu; "
            + "New-Model -Name tiny -Layers 2 -HiddenSize 64 -Heads 4 -TrainingData $data -VocabularySize 200 | "
            + "Start-ModelTraining -TrainingData $data -Epochs 1 | Receive-Job -Wait | Export-Model -Name tiny");
        Assert.Equal((0, ""), (made.ExitCode, made.Errors));
    }
}
