using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using ZipLM.PowerShell.Jobs;

namespace ZipLM.PowerShell.Commands;

/// <summary>Base of the commands whose work can be a job: one job a command, one child job a model.</summary>
public abstract class JobCommand : EngineCommand
{
    [SuppressMessage("Usage", "CA2213", Justification = "Once written, the job is the user's: Remove-Job disposes it.")]
    private CommandJob? _job;
    private JobRepository? _repository;

    /// <summary>True when the work goes into a job.</summary>
    private protected abstract bool InJob { get; }

    /// <summary>Does the work now, or adds it to the command's job.</summary>
    /// <param name="model">The model, whose name the child job bears.</param>
    private protected void RunOrAdd(Model model, Action<ICommandOutput, CancellationToken> work) => RunOrAdd(model, model.Name, work);

    /// <summary>Does the work now, or adds it to the command's job.</summary>
    /// <param name="input">What the user gave: the target of an error that names no other.</param>
    /// <param name="name">The name that the child job bears.</param>
    private protected void RunOrAdd(object input, string name, Action<ICommandOutput, CancellationToken> work)
    {
        if (!InJob)
        {
            Run(input, work);
            return;
        }

        if (_job is null)
        {
            _job = new(MyInvocation.Line.Trim(), MyInvocation.MyCommand.Name);
            _repository = JobRepository;
            _repository.Add(_job);
        }

        _job.Add(input, name, work);
    }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        if (_job is { } job)
        {
            job.Seal();
            _job = null;
            WriteObject(job);
        }
    }

    /// <summary>Stopped before its job was complete and handed out: the models that were started go no further.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing && _job is { } job)
        {
            _job = null;
            _repository!.Remove(job);
            job.Dispose();
        }

        base.Dispose(disposing);
    }
}
