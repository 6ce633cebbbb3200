using System.Management.Automation;

namespace ZipLM.PowerShell.Jobs;

/// <summary>A job whose end can be waited for, also by those that its end is told to.</summary>
internal abstract class EndingJob : Job
{
    private readonly TaskCompletionSource _ended = new();

    protected EndingJob(string command, string name)
        : base(command, name) =>
        // The first to hear of the end. A wait for the thread that tells of it would be for ever: Receive-Job's
        // -AutoRemoveJob disposes the job while it is told.
        StateChanged += (_, change) =>
        {
            if (IsEnd(change.JobStateInfo.State))
            {
                _ended.TrySetResult();
            }
        };

    /// <inheritdoc />
    public override string Location => Environment.MachineName;

    /// <summary>True in a state that is never left.</summary>
    public bool HasEnded => IsEnd(JobStateInfo.State);

    /// <summary>Returns once the job has ended.</summary>
    protected void WaitForEnd() => _ended.Task.Wait(CancellationToken.None);

    /// <summary>Returns once the job has ended, or after the time: whether it has.</summary>
    public bool WaitForEnd(TimeSpan limit) => _ended.Task.Wait(limit > TimeSpan.Zero ? limit : TimeSpan.Zero, CancellationToken.None);

    private static bool IsEnd(JobState state) => state is JobState.Completed or JobState.Failed or JobState.Stopped;
}
