using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;

namespace ZipLM.Host;

/// <summary>A runspace, and how a script in it runs: output through the views, errors on the error stream, Ctrl-C, exit codes.</summary>
internal sealed class ScriptSession : IDisposable
{
    private readonly ZipLMHost _host = new();
    private readonly Runspace _runspace;
    private Action? _stopRunning;

    public ScriptSession()
    {
        // The engine's own commands only: PowerShell's other modules are not part of its package.
        _runspace = RunspaceFactory.CreateRunspace(_host, InitialSessionState.CreateDefault2());
        _runspace.Open();
        _runspace.SessionStateProxy.InvokeCommand.CommandNotFoundAction = UnknownCommand.Answer;
        if (Console.IsOutputRedirected)
            PSStyle.Instance.OutputRendering = OutputRendering.PlainText;
        Console.CancelKeyPress += Stop;
    }

    /// <summary>The code of an <c>exit</c> that ended the session, or null.</summary>
    public int? Exit => _host.Exit;

    /// <summary>Imports the module; the exit code when that fails, else null.</summary>
    public int? ImportModule()
    {
        if (ModuleLocation.Find() is not { } manifest)
        {
            _host.Terminal.WriteErrorLine($"ZipLM.psd1 is neither in {AppContext.BaseDirectory} nor above it. Start ziplm where it was built.");
            return ExitCode.ScriptError;
        }

        var import = new Command("Import-Module");
        import.Parameters.Add("Name", manifest);
        import.Parameters.Add("ErrorAction", ActionPreference.Stop);
        return Run(import) is var code and not ExitCode.Success ? code : null;
    }

    /// <summary>Runs a script file. As a block and not by its path, because <c>exit</c> in it shall end the session with its code.</summary>
    public int RunFile(string path, IEnumerable<string> arguments)
    {
        ScriptBlockAst parsed = Parser.ParseFile(path, out _, out ParseError[] errors);
        if (errors.Length > 0)
        {
            _host.Terminal.WriteErrorLine(ErrorText.Of(new ParseException(errors).ErrorRecord));
            return ExitCode.ScriptError;
        }

        var script = new Command($"& $args[0] {ScriptArguments.ToText(arguments)}", isScript: true, useLocalScope: false);
        script.Parameters.Add(null, parsed.GetScriptBlock());
        return Run(script);
    }

    /// <summary>Runs the text of a script in the session's own scope. As in pwsh -Command, a last statement that failed is an error.</summary>
    public int RunText(string text)
    {
        _host.LastStatement.Succeeded = true;
        int code = Run(new Command(LastStatement.Noted(text), isScript: true, useLocalScope: false));
        return code == ExitCode.Success && Exit is null && !_host.LastStatement.Succeeded ? ExitCode.ScriptError : code;
    }

    /// <summary>Says of each job that still runs how to wait for it and how to stop it.</summary>
    public void TellOfRunningJobs()
    {
        using var shell = System.Management.Automation.PowerShell.Create(_runspace);
        foreach (PSObject job in shell.AddCommand("Get-Job").AddParameter("State", JobState.Running).Invoke())
        {
            if (job.BaseObject is Job { Id: var id, Name: var name })
                _host.Terminal.WriteWarningLine($"Job {id} ({name}) goes on: Receive-Job {id} -Wait waits for it again, Stop-Job {id} stops it.");
        }
    }

    public void Dispose()
    {
        Console.CancelKeyPress -= Stop;
        _runspace.Dispose();
    }

    private int Run(Command command)
    {
        using var shell = System.Management.Automation.PowerShell.Create(_runspace);
        shell.Commands.AddCommand(command).AddCommand("Out-Default");
        shell.Streams.Error.DataAdded += (_, added) => _host.Terminal.WriteErrorLine(ErrorText.Of(shell.Streams.Error[added.Index]));
        _stopRunning = () => shell.BeginStop(null, null);
        try
        {
            shell.Invoke();
            return _host.Exit ?? (shell.InvocationStateInfo.State == PSInvocationState.Stopped ? ExitCode.Interrupted : ExitCode.Success);
        }
        catch (PipelineStoppedException)
        {
            return _host.Exit ?? ExitCode.Interrupted;
        }
        catch (RuntimeException exception)
        {
            _host.Terminal.WriteErrorLine(ErrorText.Of(exception.ErrorRecord));
            return ExitCode.ScriptError;
        }
        finally
        {
            _stopRunning = null;
            _host.Terminal.EndProgress();
        }
    }

    /// <summary>Ctrl-C stops what is running; a second one, or one while nothing runs, ends the program as it would any other.</summary>
    private void Stop(object? sender, ConsoleCancelEventArgs arguments)
    {
        if (Interlocked.Exchange(ref _stopRunning, null) is not { } stop)
            return;
        arguments.Cancel = true;
        stop();
    }
}
