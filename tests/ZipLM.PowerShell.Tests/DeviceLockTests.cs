using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>Two programs that measure time on one device take turns, also when the first one dies.</summary>
[Collection(TinyStoreCollection.Name)]
public sealed class DeviceLockTests(TinyStore store)
{
    /// <summary>A program of its own folder for lock files: other tests measure too.</summary>
    [Fact]
    public async Task TheSecondSaysForWhomItWaitsAndTakesOverFromOneThatWasKilled()
    {
        string folder = Directory.CreateDirectory(store.PathOf("locks")).FullName;
        Dictionary<string, string> environment = new() { ["TMPDIR"] = folder };
        using Process first = Measure(environment, 100_000);
        _ = first.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        while (!File.Exists(Path.Combine(folder, "ziplm-cpu.lock.owner")) && !first.HasExited)
            await Task.Delay(50, TestContext.Current.CancellationToken);

        using Process second = Measure(environment, 3);
        string said = "";
        while (!said.Contains("Waiting for", StringComparison.Ordinal) && await second.StandardError.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            said += line;
        string name = string.Create(CultureInfo.InvariantCulture, $"process {first.Id} ");
        Assert.Contains("Waiting for " + name, said, StringComparison.Ordinal);
        Assert.False(second.HasExited);

        first.Kill();
        said = (await second.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)).ReplaceLineEndings(" ");
        Assert.Equal("3", (await second.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).Trim());
        await second.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, second.ExitCode);
        Assert.Contains("left behind by " + name, said, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder, "ziplm-cpu.lock.owner")));
    }

    private static Process Measure(Dictionary<string, string> environment, int rounds)
    {
        Process process = ZiplmProcess.Start(environment, "-Command",
            $"$null = Connect-GpuSession -Device cpu; (Get-Model bert | Measure-LayerLatency -SequenceLength 8 -Rounds {rounds}).Rounds");
        process.StandardInput.Close();
        return process;
    }
}
