using System.Management.Automation;
using System.Runtime.Loader;

namespace ZipLM.PowerShell.Loading;

/// <summary>PowerShell calls this when the module is imported and removed; nothing is loaded until a command needs it.</summary>
public sealed class OnImportAndRemove : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    /// <inheritdoc/>
    public void OnImport()
    {
        // Several runspaces import into one process: the answer is registered once.
        AssemblyLoadContext.Default.Resolving -= EngineLoadContext.Instance.ResolveEngine;
        AssemblyLoadContext.Default.Resolving += EngineLoadContext.Instance.ResolveEngine;
    }

    /// <inheritdoc/>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        // Left registered: another runspace may still use the module, and objects it gave outlive it.
    }
}
