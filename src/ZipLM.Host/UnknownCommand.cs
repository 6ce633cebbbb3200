using System.Management.Automation;

namespace ZipLM.Host;

/// <summary>Stands in for every command that is not there, and says why that may be and what to do.</summary>
[Cmdlet("Unknown", "Command")]
public sealed class UnknownCommand : PSCmdlet
{
    /// <summary>Whatever was given to it.</summary>
    [Parameter(ValueFromRemainingArguments = true, ValueFromPipeline = true)]
    public object[]? Arguments { get; set; }

    /// <summary>Answers the engine's question for a command that it does not find.</summary>
    internal static void Answer(object? sender, CommandLookupEventArgs lookup) =>
        lookup.Command = new CmdletInfo(lookup.CommandName.Contains('-', StringComparison.Ordinal) ? lookup.CommandName : "Unknown-Command", typeof(UnknownCommand));

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        string name = MyInvocation.InvocationName;
        string message = $"There is no command '{name}' here. ziplm has the commands of PowerShell's engine and of ZipLM, and the programs of this machine, but not those of PowerShell's other modules.";
        ThrowTerminatingError(new ErrorRecord(new CommandNotFoundException(message), "CommandNotFoundException", ErrorCategory.ObjectNotFound, name)
        {
            ErrorDetails = new ErrorDetails(message) { RecommendedAction = "Check its spelling, or run the script in pwsh after Import-Module ZipLM." },
        });
    }
}
