using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

public sealed class AtomicDirectoryTests : IDisposable
{
    private const string Dead = "dddddddddddddddddddddddddddddddd";
    private const string Live = "11111111111111111111111111111111";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void BuildsANewDirectoryAndItsParents()
    {
        AtomicDirectory.Write(_folder["a/b/model/"], replace: false, directory =>
        {
            Assert.False(Directory.Exists(_folder["a/b/model"]));
            Fill(directory, "new");
        });
        Assert.Equal("new", File.ReadAllText(_folder["a/b/model/config.json"]));
        Assert.Single(Directory.GetFileSystemEntries(_folder["a/b"]));
    }

    [Fact]
    public void AnEmptyDirectoryIsFilled()
    {
        Directory.CreateDirectory(_folder["model"]);
        AtomicDirectory.Write(_folder["model"], replace: false, directory => Fill(directory, "new"));
        Assert.Equal("new", Content());
        Assert.Equal(["model"], _folder.Entries());
    }

    [Fact]
    public void AnExistingDirectoryIsRefusedAndNothingIsBuilt()
    {
        _folder.Write("model/config.json", "old");
        AssertError("ExportTargetExists", () => AtomicDirectory.Write(_folder["model"], replace: false, _ => Assert.Fail("It was called.")));
        Assert.Equal("old", Content());
    }

    [Fact]
    public void AFileIsRefusedEvenForReplacing()
    {
        _folder.Write("model", "old");
        AssertError("ExportTargetExists", () => AtomicDirectory.Write(_folder["model"], replace: true, _ => Assert.Fail("It was called.")));
        Assert.Equal("old", File.ReadAllText(_folder["model"]));
    }

    [Theory]
    [InlineData("file/model")]
    [InlineData("file/a/b/model")]
    public void AFileAmongTheParentsIsOneError(string path)
    {
        _folder.Write("file", "old");
        AssertError("FileNotWritable", () => AtomicDirectory.Write(_folder[path], replace: false, _ => Assert.Fail("It was called.")));
    }

    [Fact]
    public void ADirectoryThatIsNoModelIsNeverReplaced()
    {
        _folder.Write("home/thesis.txt", "old");
        AssertError("ExportTargetNotModel", () => AtomicDirectory.Write(_folder["home"], replace: true, _ => Assert.Fail("It was called.")));
        Assert.Equal("old", File.ReadAllText(_folder["home/thesis.txt"]));
    }

    [Fact]
    public void ReplacingKeepsTheOldOneUntilTheNewIsComplete()
    {
        _folder.Write("model/config.json", "old");
        _folder.Write("model/stale.txt");
        AtomicDirectory.Write(_folder["model"], replace: true, directory =>
        {
            Fill(directory, "new");
            Assert.Equal("old", Content());
        });
        Assert.Equal("new", Content());
        Assert.False(File.Exists(_folder["model/stale.txt"]));
        Assert.Equal(["model"], _folder.Entries());
    }

    [Fact]
    public void AFailureLeavesTheOldOneAndNoRest()
    {
        _folder.Write("model/config.json", "old");
        Assert.Throws<InvalidOperationException>(() => AtomicDirectory.Write(_folder["model"], replace: true, directory =>
        {
            Fill(directory, "half");
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", Content());
        Assert.Equal(["model"], _folder.Entries());
    }

    [Fact]
    public void AFullDiskIsOneErrorAndLosesNothing()
    {
        _folder.Write("model/config.json", "old");
        AssertError("DiskFull", () => AtomicDirectory.Write(_folder["model"], replace: true, directory =>
        {
            Fill(directory, "half");
            AtomicFileTests.WriteToAFullDevice();
        }));
        Assert.Equal("old", Content());
        Assert.Equal(["model"], _folder.Entries());
    }

    [Fact]
    public void AFailingRenameGivesTheOldOneItsNameBack()
    {
        _folder.Write("model/config.json", "old");
        Assert.Throws<DirectoryNotFoundException>(() => AtomicDirectory.Swap(_folder["none"], _folder["model"]));
        Assert.Equal("old", Content());
        Assert.Equal(["model"], _folder.Entries());
    }

    [Fact]
    public void ACrashBetweenTheTwoRenamesIsUndone()
    {
        _folder.Write($".model.{Dead}.old/config.json", "old");
        _folder.Write($".model.v2.{Dead}.old/config.json", "another target's");
        AssertError("ExportTargetExists", () => AtomicDirectory.Write(_folder["model"], replace: false, _ => throw new InvalidOperationException()));
        Assert.Equal("old", Content());
        Assert.Equal([$".model.v2.{Dead}.old", "model"], _folder.Entries());
    }

    [Fact]
    public void RestsOfCrashedWritesAreCleanedWhenNoOneCanBeWritingThem()
    {
        _folder.Write("model/config.json", "old");
        _folder.Write($".model.{Dead}.old/config.json", "older");
        _folder.Write($".model.{Dead}.tmp/config.json", "half");
        _folder.Write($".model.{Live}.tmp/config.json", "half");
        _folder.Write($".model.v2.{Dead}.tmp/config.json", "another target's");
        Directory.SetLastWriteTimeUtc(_folder[$".model.{Dead}.tmp"], DateTime.UtcNow.AddDays(-2));
        Directory.SetLastWriteTimeUtc(_folder[$".model.v2.{Dead}.tmp"], DateTime.UtcNow.AddDays(-2));
        AtomicDirectory.Write(_folder["model"], replace: true, directory => Fill(directory, "new"));
        Assert.Equal("new", Content());
        Assert.Equal([$".model.{Live}.tmp", $".model.v2.{Dead}.tmp", "model"], _folder.Entries());
    }

    [Fact]
    public void AReadOnlyFileAmongTheNewOnesIsNoObstacle()
    {
        AtomicDirectory.Write(_folder["model"], replace: false, directory =>
        {
            Fill(directory, "new");
            File.SetAttributes(Path.Combine(directory, "config.json"), FileAttributes.ReadOnly);
        });
        Assert.Equal("new", Content());
    }

    private static void Fill(string directory, string content) => File.WriteAllText(Path.Combine(directory, "config.json"), content);

    private static void AssertError(string id, Action action) => Assert.Equal("ZipLM." + id, Assert.Throws<ZipLMException>(action).ErrorId);

    private string Content() => File.ReadAllText(_folder["model/config.json"]);
}
