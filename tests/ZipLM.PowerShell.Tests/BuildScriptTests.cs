using Xunit;

namespace ZipLM.PowerShell.Tests;

public sealed class BuildScriptTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ziplm-build-").FullName;

    [Fact]
    public void PackagingRefusesToDeleteTheModuleThatTheSessionUses()
    {
        string script = Path.Combine(_folder, "build.ps1");
        File.Copy(Path.Combine(Built.Repository, "build.ps1"), script);
        string package = Directory.CreateDirectory(Path.Combine(_folder, "out", "ZipLM")).FullName;
        string manifest = Path.Combine(package, "ZipLM.psd1");
        File.WriteAllText(manifest, "@{ ModuleVersion = '0.0.1' }");

        ZiplmProcess result = ZiplmProcess.Run("-Command", $"Import-Module '{manifest}'; & '{script}' -Task Package");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains($"imported the module from '{package}'", result.Errors, StringComparison.Ordinal);
        Assert.True(File.Exists(manifest));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
