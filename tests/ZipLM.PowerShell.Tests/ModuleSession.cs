using System.Collections.ObjectModel;
using System.Diagnostics;
using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace ZipLM.PowerShell.Tests;

/// <summary>A runspace that has imported the built module by its path, as a user does.</summary>
public sealed class ModuleSession : IDisposable
{
    private readonly Runspace _runspace;

    public ModuleSession()
    {
        var state = InitialSessionState.CreateDefault2();
        state.Commands.Add(new SessionStateCmdletEntry("Select-First", typeof(SelectFirstCommand), null));
        _runspace = RunspaceFactory.CreateRunspace(state);
        _runspace.Open();
        using var shell = System.Management.Automation.PowerShell.Create(_runspace);
        shell.AddCommand("Import-Module").AddParameter("Name", Built.Manifest).AddParameter("ErrorAction", "Stop").Invoke();
        ImportWarnings = [.. shell.Streams.Warning.Select(warning => warning.Message)];
    }

    /// <summary>What the import warned of.</summary>
    public IReadOnlyList<string> ImportWarnings { get; }

    /// <summary>Runs a script and gives its output; the first error is thrown.</summary>
    public Collection<PSObject> Run(string script, params object[] arguments)
    {
        Outcome outcome = Invoke(script, arguments);
        return outcome.Errors.FirstOrDefault() is { } error ? throw new RuntimeException(error.ToString(), error.Exception, error) : outcome.Output;
    }

    /// <summary>Runs a script and gives its one object.</summary>
    public T One<T>(string script) => (T)Run(script).Single().BaseObject;

    /// <summary>Runs a script and gives all that came out on its streams.</summary>
    public Outcome Invoke(string script, params object[] arguments)
    {
        using var shell = System.Management.Automation.PowerShell.Create(_runspace);
        Collection<PSObject> output = shell.AddScript(script).AddParameters(arguments).Invoke();
        return Outcome.Of(output, shell.Streams);
    }

    /// <summary>Starts a script, presses Ctrl-C once it is at work, and gives how long it took to end after that.</summary>
    /// <param name="atWork">Tells by the streams whether it is.</param>
    public (PSInvocationState State, TimeSpan Time) Interrupt(string script, Func<PSDataStreams, bool> atWork)
    {
        using var shell = System.Management.Automation.PowerShell.Create(_runspace);
        IAsyncResult running = shell.AddScript(script).BeginInvoke();
        if (!SpinWait.SpinUntil(() => running.IsCompleted || atWork(shell.Streams), TimeSpan.FromMinutes(1)) || running.IsCompleted)
            throw new InvalidOperationException($"The script ended before it was at work: {shell.Streams.Error.FirstOrDefault()}");
        var watch = Stopwatch.StartNew();
        shell.Stop();
        return (shell.InvocationStateInfo.State, watch.Elapsed);
    }

    public void Dispose() => _runspace.Dispose();
}
