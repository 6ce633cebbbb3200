using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using ZipLM.PowerShell.Jobs;

namespace ZipLM.PowerShell.Commands;

/// <summary>Base of the commands whose work can be a job: one job a command, one child job a model.</summary>
public abstract class JobCommand : EngineCommand
{
    [SuppressMessage("Usage", "CA2213", Justification = "Once written, the job is the user's: Remove-Job disposes it.")]
    private CommandJob? _job;

    /// <summary>True when the work goes into a job.</summary>
    private protected abstract bool InJob { get; }

    /// <summary>Does the work now, or adds it to the command's job.</summary>
    /// <param name="name">The model's name, which the child job bears.</param>
    private protected void RunOrAdd(string name, Action<ICommandOutput, CancellationToken> work)
    {
        if (!InJob)
        {
            Run(work);
            return;
        }

        if (_job is null)
        {
            _job = new(MyInvocation.Line.Trim(), MyInvocation.MyCommand.Name);
            JobRepository.Add(_job);
        }

        _job.Add(name, work);
    }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        if (_job is not null)
        {
            _job.Seal();
            WriteObject(_job);
        }
    }
}
