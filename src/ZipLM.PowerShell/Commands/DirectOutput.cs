using System.Management.Automation;

namespace ZipLM.PowerShell.Commands;

/// <summary>Reports of work that runs on the pipeline thread itself.</summary>
internal sealed class DirectOutput(PSCmdlet command) : IReporter
{
    public void Verbose(string message) => command.WriteVerbose(message);

    public void Debug(string message) => command.WriteDebug(message);

    public void Warning(string message) => command.WriteWarning(message);

    public void Milestone(object message) => command.WriteInformation(message, [Errors.InformationTag]);

    public void Progress(ProgressUpdate update)
    {
    }
}
