using Xunit;

namespace ZipLM.PowerShell.Tests;

public sealed class NoticesTests
{
    private static readonly string Root = Path.GetDirectoryName(Built.Manifest)!;
    private static readonly string Notices = File.ReadAllText(Path.Combine(Root, "THIRD-PARTY-NOTICES.md"));

    [Fact]
    public void EveryFileOfOthersThatShipsIsNamed()
    {
        string[] shipped =
        [
            .. Directory.EnumerateFiles(Path.Combine(Root, "module/bin/dependencies"), "*", SearchOption.AllDirectories)
                .Select(file => Path.GetFileName(file)).Where(file => !file.StartsWith("ZipLM.", StringComparison.Ordinal)),
        ];
        Assert.Contains("libtorch_cpu.so", shipped);
        Assert.All(shipped, file => Assert.Contains($"`{file}`", Notices, StringComparison.Ordinal));
    }

    /// <summary>A package that is raised to another version may have come under another licence: the notice must be looked at again.</summary>
    [Theory]
    [InlineData("TorchSharp")]
    [InlineData("libtorch-cpu-linux-x64")]
    [InlineData("Google.Protobuf")]
    [InlineData("SharpZipLib")]
    [InlineData("SkiaSharp")]
    [InlineData("ScottPlot")]
    [InlineData("CsvHelper")]
    [InlineData("Parquet.Net")]
    [InlineData("Microsoft.Extensions.Http.Resilience")]
    [InlineData("YamlDotNet")]
    [InlineData("Microsoft.ML.OnnxRuntime")]
    [InlineData("Microsoft.ML.OnnxRuntime.Managed")]
    public void TheVersionIsTheOneThatShips(string package)
    {
        string version = System.Xml.Linq.XDocument.Load(Path.Combine(Built.Repository, "Directory.Packages.props")).Descendants("PackageVersion")
            .Single(element => element.Attribute("Include")!.Value == package).Attribute("Version")!.Value;
        Assert.Contains(Notices.Split('\n'), line => line.Contains($"[{package}]", StringComparison.Ordinal) && line.Contains($"| {version} |", StringComparison.Ordinal));
    }

    [Fact]
    public void EveryLicenceTextThatIsPromisedIsThere()
    {
        string[] promised = [.. Notices.Split('`').Where(word => word.StartsWith("module/licenses/", StringComparison.Ordinal) && word.EndsWith(".txt", StringComparison.Ordinal)).Distinct(StringComparer.Ordinal)];
        Assert.NotEmpty(promised);
        Assert.All(promised, file => Assert.True(File.Exists(Path.Combine(Root, file)), file));
    }
}
