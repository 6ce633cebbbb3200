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
        Assert.Equal("new", File.ReadAllText(_folder["a/b/model/model.safetensors"]));
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
        Old();
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

    /// <summary>A web application has a config.json too; only what is a model in two ways is one.</summary>
    [Theory]
    [InlineData("""{"model_type": "bert"}""", "package.json")]
    [InlineData("""{"port": 80}""", "model.safetensors")]
    [InlineData("""{"port": 80}""", "ziplm.json")]
    [InlineData("""{"model_type": 7}""", "model.safetensors")]
    [InlineData("port = 80", "model.safetensors")]
    [InlineData(null, "model.safetensors")]
    public void ADirectoryThatOnlyLooksLikeAModelIsNeverReplaced(string? config, string beside)
    {
        if (config is not null)
            _folder.Write("app/config.json", config);
        _folder.Write($"app/{beside}", "old");
        AssertError("ExportTargetNotModel", () => AtomicDirectory.Write(_folder["app"], replace: true, _ => Assert.Fail("It was called.")));
        Assert.Equal("old", File.ReadAllText(_folder[$"app/{beside}"]));
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("model.safetensors.index.json")]
    [InlineData("ziplm.json")]
    public void WeightsOrARecordBesideAConfigOfAModelMakeItReplaceable(string beside)
    {
        _folder.Write("model/config.json", """{"model_type": "bert"}""");
        _folder.Write($"model/{beside}");
        AtomicDirectory.Write(_folder["model"], replace: true, directory => Fill(directory, "new"));
        Assert.Equal("new", Content());
    }

    [Fact]
    public void ADiskTooSmallForOneOfTheFilesIsToldOfTheUsersPath()
    {
        var error = Assert.Throws<ZipLMException>(() => AtomicDirectory.Write(_folder["model"], replace: false, directory =>
            AtomicFile.Write(Path.Combine(directory, "model.safetensors"), _ => Assert.Fail("It was called."), bytes: 1L << 60)));
        Assert.Equal("ZipLM.DiskFull", error.ErrorId);
        Assert.Equal(_folder["model/model.safetensors"], error.Target);
        Assert.Contains($"'{_folder["model/model.safetensors"]}'", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(".tmp", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReplacingKeepsTheOldOneUntilTheNewIsComplete()
    {
        Old();
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
        Old();
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
        Old();
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
        Old();
        Assert.Throws<DirectoryNotFoundException>(() => AtomicDirectory.Swap(_folder["none"], _folder["model"]));
        Assert.Equal("old", Content());
        Assert.Equal(["model"], _folder.Entries());
    }

    [Fact]
    public void ACrashBetweenTheTwoRenamesIsUndone()
    {
        Old($".model.{Dead}.old");
        Directory.SetLastWriteTimeUtc(_folder[$".model.{Dead}.old"], DateTime.UtcNow.AddHours(-1));
        _folder.Write($".model.v2.{Dead}.old/config.json", "another target's");
        AssertError("ExportTargetExists", () => AtomicDirectory.Write(_folder["model"], replace: false, _ => throw new InvalidOperationException()));
        Assert.Equal("old", Content());
        Assert.Equal([$".model.v2.{Dead}.old", "model"], _folder.Entries());
    }

    [Fact]
    public void WhatALiveWriterHasPutAsideIsNotTakenForACrash()
    {
        Old($".model.{Live}.old");
        AssertError("ExportTargetExists", () => AtomicDirectory.Write(_folder["model"], replace: false, directory =>
        {
            Fill(directory, "new");
            Assert.False(Directory.Exists(_folder["model"]));
            Directory.Move(_folder[$".model.{Live}.old"], _folder["model"]);
        }));
        Assert.Equal("old", Content());
    }

    [Fact]
    public async Task ManyWritersAtOnceAllSucceedAndAReaderAlwaysFindsAModel()
    {
        Old();
        using var done = new CancellationTokenSource();
        var reader = Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
                Assert.True(Directory.Exists(_folder["model"]), "There was a moment without a model.");
        }, TestContext.Current.CancellationToken);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(() =>
        {
            for (int i = 0; i < 20; i++)
            {
                AtomicDirectory.Write(_folder["model"], replace: true, directory =>
                {
                    Fill(directory, $"new {writer}");
                    File.WriteAllText(Path.Combine(directory, "config.json"), """{"model_type": "bert"}""");
                });
            }
        }, TestContext.Current.CancellationToken)));
        await done.CancelAsync();
        await reader;
        Assert.StartsWith("new ", Content(), StringComparison.Ordinal);
        Assert.Equal(["model"], _folder.Entries());
    }

    [Fact]
    public void RestsOfCrashedWritesAreCleanedWhenNoOneCanBeWritingThem()
    {
        Old();
        _folder.Write($".model.{Dead}.old/config.json", "older");
        _folder.Write($".model.{Dead}.tmp/config.json", "half");
        _folder.Write($".model.{Live}.tmp/config.json", "half");
        _folder.Write($".model.v2.{Dead}.tmp/config.json", "another target's");
        Directory.SetLastWriteTimeUtc(_folder[$".model.{Dead}.tmp"], DateTime.UtcNow.AddDays(-2));
        Directory.SetLastWriteTimeUtc(_folder[$".model.{Dead}.old"], DateTime.UtcNow.AddHours(-1));
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
            File.SetAttributes(Path.Combine(directory, "model.safetensors"), FileAttributes.ReadOnly);
        });
        Assert.Equal("new", Content());
    }

    /// <summary>A directory that is a model, as far as the writer looks.</summary>
    private void Old(string directory = "model")
    {
        _folder.Write($"{directory}/config.json", """{"model_type": "bert"}""");
        _folder.Write($"{directory}/model.safetensors", "old");
    }

    private static void Fill(string directory, string content) => File.WriteAllText(Path.Combine(directory, "model.safetensors"), content);

    private static void AssertError(string id, Action action) => Assert.Equal("ZipLM." + id, Assert.Throws<ZipLMException>(action).ErrorId);

    private string Content() => File.ReadAllText(_folder["model/model.safetensors"]);
}
