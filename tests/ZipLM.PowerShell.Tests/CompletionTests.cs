using Xunit;

namespace ZipLM.PowerShell.Tests;

[Collection(TinyStoreCollection.Name)]
public sealed class CompletionTests(TinyStore store)
{
    [Theory]
    [InlineData("Get-Model be", "bert")]
    [InlineData("Get-Model -Name 'be", "bert")]
    [InlineData("Connect-GpuSession -Device c", "cpu")]
    [InlineData("Connect-GpuSession -Precision B", "BFloat16")]
    [InlineData("New-Model x -Size m", "mini")]
    [InlineData("Import-TextDataset x -Format j", "jsonl")]
    public void NamesAreCompleted(string line, string expected)
    {
        var matches = store.Session.Run($"[System.Management.Automation.CommandCompletion]::CompleteInput(\"{line}\", {line.Length}, $null).CompletionMatches | ForEach-Object CompletionText");
        Assert.Contains(expected, matches.Select(match => $"{match}".Trim('\'')));
    }

    [Fact]
    public void CompletingLoadsNoTorch()
    {
        ZiplmProcess result = ZiplmProcess.Run("-Command", """
            foreach ($line in 'Get-Model be', 'Connect-GpuSession -Device c') {
                [System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches | ForEach-Object CompletionText
            }
            [AppDomain]::CurrentDomain.GetAssemblies().GetName().Name
            """);
        string[] lines = result.Output.Split('\n');
        Assert.Contains("bert", lines);
        Assert.Contains("cpu", lines);
        Assert.DoesNotContain("TorchSharp", lines);
    }
}
