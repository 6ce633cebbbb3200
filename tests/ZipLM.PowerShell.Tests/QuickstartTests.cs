using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>examples/quickstart.ps1 on a hundred rows: what it reuses, and what it must not take for the same.</summary>
public sealed class QuickstartTests : IDisposable
{
    private static readonly string Script = Path.Combine(Built.Repository, "examples/quickstart.ps1");

    private readonly string _folder = Directory.CreateTempSubdirectory("ziplm-quickstart-").FullName;

    [Fact]
    public void ASecondRunTakesItsTeacherFromTheStoreAndAnotherFileOfThatNameDoesNot()
    {
        string first = Write("one/tickets.tsv", "apples", "saws", "otters");
        Assert.Contains("3 topics", Teacher(first, "trained"), StringComparison.Ordinal);
        string other = Write("two/tickets.tsv", "plums", "drills");
        Assert.Contains("2 topics", Teacher(other, "trained"), StringComparison.Ordinal);
        Teacher(first, "from the store");
        Assert.Equal(2, Directory.GetDirectories(Path.Combine(_folder, "store")).Length);
    }

    [Fact]
    public void TheOnlyRowOfALabelIsLearntFrom()
    {
        // Some of these texts would be held out if their labels did not stand alone.
        string[] rare = [.. Enumerable.Range(0, 40).Select(i => $"only {i} of its kind\trare{i}")];
        string data = Write("rare.tsv", "apples", "saws");
        File.AppendAllLines(data, rare);
        Assert.Contains("42 topics", Teacher(data, "trained"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text\nno label here\nnor here\n", "without a label")]
    [InlineData("text\tlabel\none row\ta\n", "too few rows")]
    [InlineData(null, "There is no file")]
    public void AFileThatCannotBeLearntFromIsNamed(string? text, string reason)
    {
        string data = Path.Combine(_folder, "data.tsv");
        if (text is not null)
            File.WriteAllText(data, text);
        ZiplmProcess result = Run(data);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(reason, result.Errors, StringComparison.Ordinal);
        Assert.Contains(data, result.Errors, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Teacher(string data, string how)
    {
        ZiplmProcess result = Run(data);
        Assert.True(result.ExitCode == 0, result.Errors);
        Assert.Contains($"parameters, {how}.", result.Output, StringComparison.Ordinal);
        return result.Output;
    }

    // No hub, so that whatever asks for one fails.
    private ZiplmProcess Run(string data) => ZiplmProcess.Run(
        new Dictionary<string, string> { ["HF_HUB_CACHE"] = Path.Combine(_folder, "hub"), ["HF_ENDPOINT"] = "http://127.0.0.1:1" }, "",
        Script, "-Data", data, "-Store", Path.Combine(_folder, "store"), "-TeacherOnly");

    private string Write(string name, params string[] subjects)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllLines(path, ["text\tlabel", .. Enumerable.Range(0, 99).Select(i => $"row {i} is about {subjects[i % subjects.Length]}\t{subjects[i % subjects.Length]}")]);
        return path;
    }
}
