using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;

namespace ZipLM.Engine.Runtime;

/// <summary>
/// Torch's native libraries, loaded once per process, from the module's own folder or from the libtorch that
/// <c>ZIPLM_LIBTORCH</c> names.
/// </summary>
/// <remarks>
/// Everything that uses a tensor calls <see cref="EnsureLoaded"/> first: left alone, TorchSharp answers a library that
/// does not load with dozens of lines on standard output and with copies of all of them beside its own assembly. Once
/// they are in the process, whoever asks for <c>libtorch_cpu.so</c> by its bare name is given these: the system's loader
/// knows a library by its own name (SONAME) before it looks into any folder.
/// </remarks>
public sealed class NativeLibraries
{
    /// <summary>The environment variable that names an existing libtorch.</summary>
    public const string Variable = "ZIPLM_LIBTORCH";

    /// <summary>The libtorch that this TorchSharp was built for.</summary>
    public const string WantedTorchVersion = "2.10";

    private const string Wrapper = "libLibTorchSharp.so";
    private const string NativesFolder = "runtimes/linux-x64/native";

    // Each after what it needs; CUDA's are there in a CUDA build only.
    private static readonly string[] Required = ["libc10.so", "libtorch_cpu.so"];
    private static readonly string[] Cuda = ["libc10_cuda.so", "libtorch_cuda.so"];

    // A failure is not kept: the user can set the variable and try again in the same session.
    private static readonly Lazy<NativeLibraries> Loaded = new(
        () => Load(Environment.GetEnvironmentVariable(Variable), NativesBesideEngine), LazyThreadSafetyMode.PublicationOnly);

    private NativeLibraries(string directory, string source, string torchVersion)
    {
        Directory = directory;
        Source = source;
        TorchVersion = torchVersion;
    }

    /// <summary>The folder that torch came from.</summary>
    public string Directory { get; }

    /// <summary>Why that folder: <c>module</c>, or <see cref="Variable"/>.</summary>
    public string Source { get; }

    /// <summary>Torch's version, as the folder tells it.</summary>
    public string TorchVersion { get; }

    /// <summary>TorchSharp's version.</summary>
    public string TorchSharpVersion { get; } = typeof(torch).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>Whether torch's CUDA part is among the libraries; a device may be missing all the same.</summary>
    public bool HasCuda => HoldsCuda(Directory);

    private static string NativesBesideEngine =>
        Path.Combine(Path.GetDirectoryName(typeof(NativeLibraries).Assembly.Location)!, NativesFolder);

    /// <summary>Loads the libraries when they are not loaded yet; safe from any thread.</summary>
    /// <exception cref="ZipLMException"><c>NativeLibraryUnavailable</c>, with the loader's reason.</exception>
    public static NativeLibraries EnsureLoaded() => Loaded.Value;

    /// <summary>Loads torch from a libtorch (its folder or its <c>lib</c> folder; null for our own) and then the wrapper.</summary>
    /// <param name="libtorch">What <see cref="Variable"/> holds.</param>
    /// <param name="natives">Our own folder of libraries; the wrapper always comes from there.</param>
    internal static NativeLibraries Load(string? libtorch, string natives)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw Unavailable($"The native libraries are for Linux on x64; this is {RuntimeInformation.RuntimeIdentifier}.", "Use a Linux x64 machine.", null);

        (string directory, string source, string? version) = string.IsNullOrEmpty(libtorch) ? (natives, "module", null) : FromLibTorch(libtorch);
        foreach (string name in (string[])[.. Required, .. HoldsCuda(directory) ? Cuda : [], "libtorch.so"])
            LoadFile(directory, name);
        LoadFile(natives, Wrapper);

        // Last: the first touch of TorchSharp's class makes it look for the libraries on its own.
        return new NativeLibraries(directory, source, version ?? torch.__version__);
    }

    private static bool HoldsCuda(string directory) => File.Exists(Path.Combine(directory, Cuda[^1]));

    private static (string Directory, string Source, string Version) FromLibTorch(string libtorch)
    {
        string? lib = new[] { libtorch, Path.Combine(libtorch, "lib") }.FirstOrDefault(folder => File.Exists(Path.Combine(folder, Required[^1])));
        if (lib is null)
            throw Unavailable($"{Variable} is '{libtorch}', but neither it nor its lib folder holds {Required[^1]}.", Remedy, libtorch);
        string version = LibTorchVersion.Find(lib) ?? "unknown";
        if (version != "unknown" && !version.StartsWith(WantedTorchVersion + ".", StringComparison.Ordinal))
            throw Unavailable($"{Variable} is '{libtorch}', which is libtorch {version}; libtorch {WantedTorchVersion} is needed.", Remedy, libtorch);
        return (Path.GetFullPath(lib), Variable, version);
    }

    private static void LoadFile(string directory, string name)
    {
        string path = Path.Combine(directory, name);
        try
        {
            NativeLibrary.Load(path);
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            throw Unavailable($"The native library '{path}' does not load: {LoaderReason(exception.Message)}", Remedy, path, exception);
        }
    }

    private static string Remedy =>
        $"Build the solution (or install the module) again, or set {Variable} to the folder of a libtorch {WantedTorchVersion}; Test-ZipLMEnvironment shows what is found.";

    /// <summary>The runtime's message opens with general advice; what the system's loader said stands in the lines after it.</summary>
    private static string LoaderReason(string message)
    {
        string[] lines = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length > 1 ? string.Join("; ", lines[1..]) : message;
    }

    private static ZipLMException Unavailable(string message, string remedy, object? target, Exception? inner = null) =>
        new("NativeLibraryUnavailable", ErrorKind.ResourceUnavailable, message, remedy, target, inner);
}
