using System.Reflection;
using Xunit;

namespace ZipLM.Engine.Tests.Runtime;

/// <summary>The build's one change to libLibTorchSharp.so: GLIBCXX_3.4.32 is asked for weakly, so that older systems load it.</summary>
public sealed class RepairedLibraryTests
{
    private const string TooNew = "GLIBCXX_3.4.32";
    private readonly byte[] _repaired = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "runtimes/linux-x64/native/libLibTorchSharp.so"));
    private readonly byte[] _original = File.ReadAllBytes(PackagedLibrary);

    private static string PackagedLibrary => typeof(RepairedLibraryTests).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "PackagedLibTorchSharp").Value!;

    [Fact]
    public void TheVersionIsAskedForWeaklyAndNothingElseIs()
    {
        SymbolVersions.Requirement[] before = [.. new SymbolVersions(_original).Requirements()];
        SymbolVersions.Requirement[] after = [.. new SymbolVersions(_repaired).Requirements()];
        Assert.Contains(before, requirement => requirement is { Name: TooNew, IsWeak: false });
        Assert.Equal(before.Select(requirement => requirement with { IsWeak = requirement.Name == TooNew }), after);
    }

    [Fact]
    public void EveryOtherByteIsThePackages()
    {
        long[] flags = [.. new SymbolVersions(_original).Requirements().Where(requirement => requirement.Name == TooNew).Select(requirement => requirement.FlagsOffset)];
        Assert.Equal(_original.Length, _repaired.Length);
        long[] changed = [.. Enumerable.Range(0, _original.Length).Where(i => _original[i] != _repaired[i]).Select(i => (long)i)];
        Assert.Equal(flags, changed);
    }

    /// <summary>Why the change is safe: a weak version that is missing matters only where a symbol of it is bound.</summary>
    [Fact]
    public void NoRelocationUsesTheVersion()
    {
        var versions = new SymbolVersions(_repaired);
        SymbolVersions.Requirement[] all = [.. versions.Requirements()];
        Assert.NotEmpty(versions.RelocatedSymbols(all.Single(requirement => requirement.Name == "GLIBCXX_3.4.21").Index));
        Assert.Empty(versions.RelocatedSymbols(all.Single(requirement => requirement.Name == TooNew).Index));
    }
}
