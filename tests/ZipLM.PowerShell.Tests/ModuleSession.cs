using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace ZipLM.PowerShell.Tests;

/// <summary>A runspace that has imported the built module by its path, as a user does.</summary>
public sealed class ModuleSession : IDisposable
{
    private readonly Runspace _runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());

    public ModuleSession()
    {
        _runspace.Open();
        using var shell = System.Management.Automation.PowerShell.Create(_runspace);
        shell.AddCommand("Import-Module").AddParameter("Name", Built.Manifest).AddParameter("ErrorAction", "Stop").Invoke();
        ImportWarnings = [.. shell.Streams.Warning.Select(warning => warning.Message)];
    }

    /// <summary>What the import warned of.</summary>
    public IReadOnlyList<string> ImportWarnings { get; }

    /// <summary>Runs a script and gives its output; the first error is thrown.</summary>
    public Collection<PSObject> Run(string script)
    {
        using var shell = System.Management.Automation.PowerShell.Create(_runspace);
        Collection<PSObject> output = shell.AddScript(script).Invoke();
        return shell.Streams.Error.FirstOrDefault() is { } error ? throw new RuntimeException(error.ToString(), error.Exception, error) : output;
    }

    public void Dispose() => _runspace.Dispose();
}
