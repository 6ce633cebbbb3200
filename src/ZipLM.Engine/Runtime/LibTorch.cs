using System.Runtime.InteropServices;

namespace ZipLM.Engine.Runtime;

/// <summary>
/// One folder of torch's native libraries, loaded: the module's own, or the libtorch that <c>ZIPLM_LIBTORCH</c> names.
/// </summary>
/// <remarks>
/// Once they are in the process, whoever asks for <c>libtorch_cpu.so</c> by its bare name, as TorchSharp does, is given
/// these: the system's loader knows a library by its own name (SONAME) before it looks into any folder. Nothing here
/// may touch the class <c>torch</c>, because its static constructor looks for the libraries.
/// </remarks>
internal sealed class LibTorch
{
    /// <summary>The environment variable that names an existing libtorch: its folder, or the <c>lib</c> folder in it.</summary>
    public const string Variable = "ZIPLM_LIBTORCH";

    /// <summary>The libtorch that our TorchSharp was built for, and that the module carries.</summary>
    public const string OwnVersion = "2.10.0";

    private const string Cpu = "libtorch_cpu.so";
    private const string Cuda = "libtorch_cuda.so";
    private const string CudaCore = "libc10_cuda.so";
    private const string Wrapper = "libLibTorchSharp.so";

    private LibTorch(string directory, string source, string version)
    {
        Directory = directory;
        Source = source;
        Version = version;
    }

    /// <summary>The folder.</summary>
    public string Directory { get; }

    /// <summary>Why that folder: <c>module</c>, or <see cref="Variable"/>.</summary>
    public string Source { get; }

    /// <summary>Torch's version, as the folder tells it; <c>unknown</c> when it does not.</summary>
    public string Version { get; }

    /// <summary>Whether the CUDA part is there.</summary>
    public bool HasCuda => File.Exists(Path.Combine(Directory, Cuda));

    /// <summary>
    /// Where CUDA's runtime library may be, the most certain first: behind torch's own library, which needs it; among these
    /// libraries, under a name that differs from build to build; or in the packages that pip's torch takes it from.
    /// </summary>
    public IEnumerable<string> CudaRuntimes =>
    [
        Path.Combine(Directory, CudaCore),
        .. new[] { "", "../../nvidia/cuda_runtime/lib", "../../nvidia/cu13/lib" }
            .Select(folder => Path.GetFullPath(Path.Combine(Directory, folder)))
            .Where(System.IO.Directory.Exists)
            .SelectMany(folder => System.IO.Directory.EnumerateFiles(folder, "libcudart*.so*")),
    ];

    /// <summary>Loads torch from a libtorch, or from our own folder when there is none, and then TorchSharp's wrapper.</summary>
    /// <param name="libtorch">What <see cref="Variable"/> holds.</param>
    /// <param name="natives">Our own folder; the wrapper always comes from there, because it is repaired.</param>
    /// <exception cref="ZipLMException"><c>NativeLibraryUnavailable</c>, with the loader's reason.</exception>
    public static LibTorch Load(string? libtorch, string natives)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw Unavailable($"The native libraries are for Linux on x64; this is {RuntimeInformation.RuntimeIdentifier}.", null);

        LibTorch found = string.IsNullOrEmpty(libtorch) ? new LibTorch(natives, "module", OwnVersion) : Existing(libtorch);

        // Each after what it needs.
        string[] names = ["libc10.so", Cpu, .. found.HasCuda ? new[] { CudaCore, Cuda } : [], "libtorch.so"];
        foreach (string name in names)
            LoadFile(Path.Combine(found.Directory, name));
        LoadFile(Path.Combine(natives, Wrapper));
        return found;
    }

    private static LibTorch Existing(string libtorch)
    {
        string? lib = new[] { libtorch, Path.Combine(libtorch, "lib") }.FirstOrDefault(folder => File.Exists(Path.Combine(folder, Cpu)))
            ?? throw Unavailable($"{Variable} is '{libtorch}', but neither it nor its lib folder holds {Cpu}.", libtorch);
        string version = LibTorchVersion.Find(lib) ?? "unknown";
        if (version != "unknown" && !version.StartsWith(OwnVersion[..^1], StringComparison.Ordinal))
            throw Unavailable($"{Variable} is '{libtorch}', which is libtorch {version}; libtorch {OwnVersion} is needed.", libtorch);
        return new LibTorch(Path.GetFullPath(lib), Variable, version);
    }

    private static void LoadFile(string path)
    {
        try
        {
            NativeLibrary.Load(path);
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            throw Unavailable($"The native library '{path}' does not load: {LoaderReason(exception.Message)}", path, exception);
        }
    }

    /// <summary>The runtime's message opens with general advice; what the system's loader said stands in the lines after it.</summary>
    public static string LoaderReason(string message)
    {
        string[] lines = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length > 1 ? string.Join("; ", lines[1..]) : message;
    }

    private static ZipLMException Unavailable(string message, object? target, Exception? inner = null) => new(
        "NativeLibraryUnavailable",
        ErrorKind.ResourceUnavailable,
        message,
        $"Build the solution (or install the module) again on Linux x64, or set {Variable} to the folder of a libtorch {OwnVersion}.",
        target,
        inner);
}
