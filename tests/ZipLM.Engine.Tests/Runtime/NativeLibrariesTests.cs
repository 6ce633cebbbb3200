using TorchSharp;
using Xunit;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Tests.Runtime;

public sealed class NativeLibrariesTests : IDisposable
{
    private static readonly string Natives = Path.Combine(AppContext.BaseDirectory, "runtimes/linux-x64/native");
    private readonly string _folder = Directory.CreateTempSubdirectory("ziplm-natives-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TorchComputesAndPrintsNothing()
    {
        TextWriter console = Console.Out;
        using var printed = new StringWriter();
        Console.SetOut(printed);
        try
        {
            NativeLibraries.EnsureLoaded();
            Assert.Equal(Natives, NativeLibraries.Directory);
            Assert.Equal("module", NativeLibraries.Source);
            Assert.Equal(torch.NormalizeNuGetVersion(torch.__version__), NativeLibraries.TorchVersion);
            Assert.False(NativeLibraries.HasCuda);

            using torch.Tensor left = torch.tensor(new float[] { 1, 2, 3, 4 }).reshape(2, 2);
            using torch.Tensor right = torch.tensor(new float[] { 5, 6, 7, 8 }).reshape(2, 2);
            using torch.Tensor product = left.matmul(right);
            Assert.Equal(new float[] { 19, 22, 43, 50 }, product.data<float>().ToArray());
        }
        finally
        {
            Console.SetOut(console);
        }

        Assert.Empty(printed.ToString());
        Assert.False(Directory.Exists(Path.Combine(AppContext.BaseDirectory, "cpu")), "TorchSharp copied its libraries.");
    }

    [Fact]
    public void OnlyTheNeededLibrariesAreThere() =>
        Assert.Equal(
            ["libHarfBuzzSharp.so", "libLibTorchSharp.so", "libSkiaSharp.so", "libc10.so", "libgomp-98b21ff3.so.1", "libonnxruntime.so", "libtorch.so", "libtorch_cpu.so"],
            Directory.GetFiles(Natives).Select(Path.GetFileName).Order(StringComparer.Ordinal));

    [Fact]
    public void AnEmptyLibTorchFolderIsOneClearError()
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => LibTorch.Load(_folder, Natives));
        AssertUnavailable(error, _folder, "libtorch_cpu.so");
        Assert.Equal(_folder, error.Target);
    }

    [Fact]
    public void AMissingLibraryIsNamedWithTheLoadersReason()
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => LibTorch.Load(null, _folder));
        AssertUnavailable(error, Path.Combine(_folder, "libc10.so"), "No such file or directory");
    }

    [Fact]
    public void ABrokenLibraryIsNamedWithTheLoadersReason()
    {
        File.WriteAllText(Path.Combine(_folder, "libc10.so"), new string('x', 4096));
        ZipLMException error = Assert.Throws<ZipLMException>(() => LibTorch.Load(null, _folder));
        AssertUnavailable(error, Path.Combine(_folder, "libc10.so"), "invalid ELF header");
    }

    [Theory]
    [InlineData("build-version", "2.7.1+cu128\n")]
    [InlineData("version.py", "from typing import Optional\n__version__ = '2.7.1+cu128'\n")]
    public void AnotherVersionOfLibTorchIsRefusedBeforeItLoads(string file, string content)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "lib"));
        File.WriteAllText(Path.Combine(_folder, "lib", "libtorch_cpu.so"), "");
        File.WriteAllText(Path.Combine(_folder, file), content);
        ZipLMException error = Assert.Throws<ZipLMException>(() => LibTorch.Load(_folder, Natives));
        AssertUnavailable(error, "2.7.1+cu128", LibTorch.OwnVersion);
    }

    [Fact]
    public void AnExistingLibTorchServesInPlaceOfTheModulesOwn()
    {
        // The same files by another path: the loader sees one file, so the process still has one torch.
        File.WriteAllText(Path.Combine(_folder, "build-version"), "2.10.0+cpu");
        Directory.CreateSymbolicLink(Path.Combine(_folder, "lib"), Natives);
        LibTorch libraries = LibTorch.Load(_folder, Natives);
        Assert.Equal(Path.Combine(_folder, "lib"), libraries.Directory);
        Assert.Equal(LibTorch.Variable, libraries.Source);
        Assert.Equal("2.10.0+cpu", libraries.Version);
        Assert.False(libraries.HasCuda);
    }

    private static void AssertUnavailable(ZipLMException error, params string[] parts)
    {
        Assert.Equal("ZipLM.NativeLibraryUnavailable", error.ErrorId);
        Assert.Equal(ErrorKind.ResourceUnavailable, error.Kind);
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        Assert.Contains(LibTorch.Variable, error.Remedy, StringComparison.Ordinal);
    }
}
