using System.Management.Automation;

namespace ZipLM.PowerShell.Jobs;

/// <summary>A child job: the work for one model, on a thread of its own.</summary>
internal sealed class ModelJob : EndingJob
{
    private readonly CancellationTokenSource _cancellation = new();
    private readonly Action<ICommandOutput, CancellationToken> _work;
    private readonly object _model;
    private readonly JobOutput _output;

    /// <param name="model">Target of the error when the work fails and names no other.</param>
    public ModelJob(string command, string name, object model, Action<ICommandOutput, CancellationToken> work)
        : base(command, name)
    {
        _work = work;
        _model = model;
        _output = new(this);
        PSJobTypeName = nameof(ModelJob);
    }

    /// <inheritdoc />
    public override bool HasMoreData =>
        Output.Count > 0 || Error.Count > 0 || Warning.Count > 0 || Verbose.Count > 0 || Debug.Count > 0 || Information.Count > 0 || Progress.Count > 0;

    /// <inheritdoc />
    public override string StatusMessage => _output.Status;

    /// <summary>Starts the work.</summary>
    public void Start()
    {
        SetJobState(JobState.Running);
        LiveJobs.Add(this);
        _ = Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <inheritdoc />
    public override void StopJob()
    {
        if (HasEnded)
        {
            return;
        }

        Cancel();
        WaitForEnd();
    }

    /// <summary>Lets the work stop after its current step, without waiting for that.</summary>
    public void Cancel()
    {
        try
        {
            _cancellation.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended, and was removed.
        }
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
        var state = JobState.Completed;
        try
        {
            _work(_output, _cancellation.Token);
        }
        catch (OperationCanceledException) when (_cancellation.IsCancellationRequested)
        {
            state = JobState.Stopped;
        }
        catch (Exception e)
        {
            Error.Add(Errors.Record(e, _model));
            state = JobState.Failed;
        }

        _output.End();
        LiveJobs.Remove(this);
        SetJobState(state);
    }
}
