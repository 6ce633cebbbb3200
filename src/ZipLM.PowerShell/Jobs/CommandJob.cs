using System.Management.Automation;

namespace ZipLM.PowerShell.Jobs;

/// <summary>The job of one command, with a child job for each model.</summary>
internal sealed class CommandJob : EndingJob
{
    private readonly Lock _lock = new();
    private bool _sealed;
    private bool _finished;

    public CommandJob(string command, string name)
        : base(command, name)
    {
        PSJobTypeName = nameof(CommandJob);
        SetJobState(JobState.Running);
    }

    /// <inheritdoc />
    public override bool HasMoreData => ChildJobs.Any(c => c.HasMoreData);

    /// <inheritdoc />
    public override string StatusMessage => string.Join("; ", ChildJobs.Select(c => c.StatusMessage).Where(m => m.Length > 0));

    /// <summary>Adds the work for one input, most often a model, and starts it.</summary>
    public void Add(object input, string name, Action<ICommandOutput, CancellationToken> work)
    {
        var child = new ModelJob(Command, name, input, work);
        child.StateChanged += (_, _) => FinishWithChildren();
        ChildJobs.Add(child);
        child.Start();
    }

    /// <summary>Says that no further model comes: the job ends with its children.</summary>
    public void Seal()
    {
        _sealed = true;
        FinishWithChildren();
    }

    /// <inheritdoc />
    public override void StopJob()
    {
        foreach (var child in ChildJobs)
        {
            child.StopJob();
        }

        // The last child is yet to tell.
        WaitForEnd();
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var child in ChildJobs)
            {
                child.Dispose();
            }
        }

        base.Dispose(disposing);
    }

    private void FinishWithChildren()
    {
        JobState state;
        lock (_lock)
        {
            if (!_sealed || _finished || !ChildJobs.All(c => ((ModelJob)c).HasEnded))
            {
                return;
            }

            _finished = true;
            var states = ChildJobs.Select(c => c.JobStateInfo.State).ToList();
            state = states.Contains(JobState.Failed) ? JobState.Failed
                : states.Contains(JobState.Stopped) ? JobState.Stopped
                : JobState.Completed;
        }

        SetJobState(state);
    }
}
