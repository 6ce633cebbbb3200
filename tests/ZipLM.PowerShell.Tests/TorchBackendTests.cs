using System.Diagnostics;
using System.Text.Json.Nodes;
using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>CUDA's packages cannot be restored everywhere, so what is asked for is looked at, and nothing is built.</summary>
public sealed class TorchBackendTests
{
    private const string Cpu = "libtorch-cpu-linux-x64";
    private const string Cuda = "TorchSharp-cuda-linux";

    [Theory]
    [InlineData("-p:TorchBackend=cuda", Cuda, Cpu)]
    [InlineData("-p:TorchBackend=cpu", Cpu, Cuda)]
    [InlineData("-nologo", Cpu, Cuda)]
    public async Task TheBackendDecidesOnThePackages(string argument, string wanted, string unwanted)
    {
        var start = new ProcessStartInfo("dotnet", ["msbuild", "-getItem:PackageReference", argument, Path.Combine(Built.Repository, "src", "ZipLM.Engine")])
        {
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, process.ExitCode);
        string[] packages = [.. JsonNode.Parse(output)!["Items"]!["PackageReference"]!.AsArray().Select(item => (string)item!["Identity"]!)];
        Assert.Contains("TorchSharp", packages);
        Assert.Contains(wanted, packages);
        Assert.DoesNotContain(unwanted, packages);
    }
}
