using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;

namespace ZipLM.Engine.Runtime;

/// <summary>The native libraries of this process: found and loaded on first use, then known to everyone in it.</summary>
/// <remarks>
/// Everything that uses a tensor calls <see cref="EnsureLoaded"/> first: left alone, TorchSharp answers a library that
/// does not load with dozens of lines on standard output and with copies of all of them beside its own assembly.
/// </remarks>
public static class NativeLibraries
{
    // A failure is not kept: the user can set the variable and try again in the same session.
    private static readonly Lazy<LibTorch> Loaded = new(
        () => LibTorch.Load(Environment.GetEnvironmentVariable(LibTorch.Variable), FolderBesideEngine), LazyThreadSafetyMode.PublicationOnly);

    static NativeLibraries() => NativeLibrary.SetDllImportResolver(
        typeof(NativeLibraries).Assembly, (name, _, _) => name == "cudart" ? CudaRuntime() : 0);

    /// <summary>The folder that torch came from.</summary>
    public static string Directory => Loaded.Value.Directory;

    /// <summary>Why that folder: <c>module</c>, or <c>ZIPLM_LIBTORCH</c>.</summary>
    public static string Source => Loaded.Value.Source;

    /// <summary>Torch's version, such as <c>2.10.0</c>.</summary>
    public static string TorchVersion => Loaded.Value.Version;

    /// <summary>TorchSharp's version.</summary>
    public static string TorchSharpVersion { get; } = typeof(torch).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>Whether torch's CUDA part is among the libraries; a device may be missing all the same.</summary>
    public static bool HasCuda => Loaded.Value.HasCuda;

    private static nint CudaRuntime() =>
        Loaded.Value.CudaRuntimes.Select(file => NativeLibrary.TryLoad(file, out var handle) && NativeLibrary.TryGetExport(handle, "cudaMemGetInfo", out _) ? handle : 0)
            .FirstOrDefault(handle => handle != 0);

    private static string FolderBesideEngine =>
        Path.Combine(Path.GetDirectoryName(typeof(NativeLibraries).Assembly.Location)!, "runtimes/linux-x64/native");

    /// <summary>Loads the libraries when they are not loaded yet; safe from any thread.</summary>
    /// <exception cref="ZipLMException"><c>NativeLibraryUnavailable</c>, with the loader's reason.</exception>
    public static void EnsureLoaded() => _ = Loaded.Value;
}
