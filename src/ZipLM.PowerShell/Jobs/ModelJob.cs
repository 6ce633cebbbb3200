using System.Management.Automation;

namespace ZipLM.PowerShell.Jobs;

/// <summary>A child job: the work for one model, on a thread of its own.</summary>
internal sealed class ModelJob : Job
{
    private readonly CancellationTokenSource _cancellation = new();
    private readonly Action<ICommandOutput, CancellationToken> _work;
    private Task _task = Task.CompletedTask;

    public ModelJob(string command, string name, Action<ICommandOutput, CancellationToken> work)
        : base(command, name)
    {
        _work = work;
        PSJobTypeName = nameof(ModelJob);
    }

    /// <inheritdoc />
    public override bool HasMoreData =>
        Output.Count > 0 || Error.Count > 0 || Warning.Count > 0 || Verbose.Count > 0 || Debug.Count > 0 || Information.Count > 0 || Progress.Count > 0;

    /// <inheritdoc />
    public override string Location => Environment.MachineName;

    /// <inheritdoc />
    public override string StatusMessage => Progress.Count > 0 ? Progress[^1].StatusDescription : string.Empty;

    /// <summary>Starts the work.</summary>
    public void Start()
    {
        SetJobState(JobState.Running);
        _task = Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <inheritdoc />
    public override void StopJob()
    {
        // Receive-Job -AutoRemoveJob disposes a finished job from inside its own change of state: there is nothing to wait for.
        if (JobStateInfo.State is JobState.Completed or JobState.Failed or JobState.Stopped)
        {
            return;
        }

        _cancellation.Cancel();
        // The wait ends with the work, which now stops after its current step.
        _task.Wait(CancellationToken.None);
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            StopJob();
            _cancellation.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Work()
    {
        var output = new JobOutput(this);
        try
        {
            _work(output, _cancellation.Token);
            SetJobState(JobState.Completed);
        }
        catch (OperationCanceledException) when (_cancellation.IsCancellationRequested)
        {
            SetJobState(JobState.Stopped);
        }
        catch (Exception e)
        {
            output.Error(e);
            SetJobState(JobState.Failed);
        }
    }
}
