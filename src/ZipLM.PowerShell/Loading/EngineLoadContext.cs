using System.Reflection;
using System.Runtime.Loader;

namespace ZipLM.PowerShell.Loading;

/// <summary>
/// Where the engine and everything it depends on live, apart from PowerShell's own assemblies: the versions in
/// <c>dependencies/</c> meet no others. Users see only types that lie outside of it.
/// </summary>
internal sealed class EngineLoadContext : AssemblyLoadContext
{
    private const string Engine = "ZipLM.Engine";
    private const string Abstractions = "ZipLM.Abstractions";

    private readonly string _dependencies;

    private EngineLoadContext(string dependencies)
        : base("ZipLM") => _dependencies = dependencies;

    /// <summary>One per process: a module that is removed and imported again finds the torch that is loaded already.</summary>
    public static EngineLoadContext Instance { get; } =
        new(Path.Combine(Path.GetDirectoryName(typeof(EngineLoadContext).Assembly.Location)!, "dependencies"));

    /// <summary>Answers the default context's question for an assembly that it does not find: for the engine alone.</summary>
    public Assembly? ResolveEngine(AssemblyLoadContext _, AssemblyName name) =>
        name.Name == Engine ? LoadFromAssemblyName(name) : null;

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        // Null sends the question to the default context. Abstractions must come from there: a second copy would be a
        // second identity of every type in it, and a Model could not be piped from one command to the next.
        if (assemblyName.Name == Abstractions)
            return null;
        string path = Path.Combine(_dependencies, assemblyName.Name + ".dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }

    /// <inheritdoc/>
    protected override nint LoadUnmanagedDll(string unmanagedDllName)
    {
        // Torch's libraries are the engine's own matter: they may come from elsewhere, and a process holds them once.
        if (unmanagedDllName.Contains("torch", StringComparison.OrdinalIgnoreCase))
            return 0;
        string folder = Path.Combine(_dependencies, "runtimes", "linux-x64", "native");
        string? path = new[] { unmanagedDllName, $"lib{unmanagedDllName}.so", $"{unmanagedDllName}.so" }
            .Select(file => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
        return path is null ? 0 : LoadUnmanagedDllFromPath(path);
    }
}
