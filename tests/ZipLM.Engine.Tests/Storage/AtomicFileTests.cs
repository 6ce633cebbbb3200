using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WritesAndReplaces()
    {
        AtomicFile.Write(_folder["file"], "first"u8.ToArray());
        AtomicFile.Write(_folder["file"], "second"u8.ToArray());
        Assert.Equal("second", File.ReadAllText(_folder["file"]));
        Assert.Equal(["file"], _folder.Entries());
    }

    [Fact]
    public void TheOldContentStandsUntilTheNewIsComplete()
    {
        _folder.Write("file", "old");
        AtomicFile.Write(_folder["file"], stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(_folder["file"]));
        });
        Assert.Equal("new", File.ReadAllText(_folder["file"]));
    }

    [Fact]
    public void AFailureHalfwayLeavesTheOldFileAlone()
    {
        _folder.Write("file", "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(_folder["file"], stream =>
        {
            stream.Write(new byte[1_000_000]);
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", File.ReadAllText(_folder["file"]));
        Assert.Equal(["file"], _folder.Entries());
    }

    /// <summary>/proc takes no new files, and says so by not finding the one to be made.</summary>
    [Theory]
    [InlineData("/proc/ziplm.csv")]
    [InlineData("/nowhere/ziplm.csv")]
    public void APlaceThatTakesNoFilesIsNamedAsTheUserDid(string path)
    {
        foreach (Action write in new Action[] { () => AtomicFile.Write(path, "x"u8.ToArray()), () => AtomicFile.RequireWritable(path) })
        {
            ZipLMException error = Assert.Throws<ZipLMException>(write);
            Assert.Equal("ZipLM.FileNotWritable", error.ErrorId);
            Assert.Equal(path, error.Target);
            Assert.DoesNotContain(".tmp", error.Message, StringComparison.Ordinal);
        }

        AtomicFile.RequireWritable(_folder["file"]);
        Assert.Empty(_folder.Entries());
    }

    [Fact]
    public void AFullDiskIsOneErrorAndLosesNothing()
    {
        _folder.Write("file", "old");
        ZipLMException error = Assert.Throws<ZipLMException>(() => AtomicFile.Write(_folder["file"], stream =>
        {
            stream.Write("half"u8);
            WriteToAFullDevice();
        }));
        Assert.Equal("ZipLM.DiskFull", error.ErrorId);
        Assert.Equal(ErrorKind.ResourceUnavailable, error.Kind);
        Assert.Contains(_folder["file"], error.Message, StringComparison.Ordinal);
        Assert.Contains("bytes are free", error.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(_folder["file"]));
        Assert.Equal(["file"], _folder.Entries());
    }

    [Fact]
    public void WhatCannotFitIsRefusedBeforeTheFirstByte()
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => AtomicFile.Write(_folder["file"], _ => Assert.Fail("It was called."), bytes: 1L << 60));
        Assert.Equal("ZipLM.DiskFull", error.ErrorId);
        Assert.Contains("1,152,921,504,606,846,976 bytes are needed", error.Message, StringComparison.Ordinal);
        Assert.Empty(_folder.Entries());
    }

    [Fact]
    public void AMissingDirectoryIsOneError()
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => AtomicFile.Write(_folder["none/file"], "x"u8.ToArray()));
        Assert.Equal("ZipLM.FileNotWritable", error.ErrorId);
        Assert.Contains(_folder["none/file"], error.Message, StringComparison.Ordinal);
    }

    /// <summary>Linux has a device that is always full: the error is the real one.</summary>
    internal static void WriteToAFullDevice()
    {
        using FileStream full = new("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        full.Write(new byte[4096]);
    }
}
