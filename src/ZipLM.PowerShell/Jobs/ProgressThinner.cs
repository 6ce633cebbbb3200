using System.Collections.Concurrent;
using System.Diagnostics;
using System.Management.Automation;

namespace ZipLM.PowerShell.Jobs;

/// <summary>Turns progress updates into progress records: at most five a second for each activity, with the seconds that remain.</summary>
/// <param name="parentId">Id of the record that these belong under, or -1.</param>
internal sealed class ProgressThinner(int parentId = -1)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<string, Activity> _activities = new();

    /// <summary>The record to show, or null when the last one is too recent.</summary>
    public ProgressRecord? Thin(ProgressUpdate update)
    {
        var activity = _activities.GetOrAdd(update.Activity, name => new(Math.Abs(string.GetHashCode(name, StringComparison.Ordinal) % 1_000_000_000), Stopwatch.GetTimestamp()));
        if (update.Completed)
        {
            _activities.TryRemove(update.Activity, out _);
        }
        else if (activity.Shown is { } shown && Stopwatch.GetElapsedTime(shown) < Interval)
        {
            return null;
        }

        var share = update.Total > 0 ? Math.Clamp(update.Done / update.Total, 0, 1) : -1;
        activity.FirstShare = activity.Shown is null ? share : activity.FirstShare;
        activity.Shown = Stopwatch.GetTimestamp();
        return new(activity.Id, update.Activity, string.IsNullOrEmpty(update.Status) ? " " : update.Status)
        {
            ParentActivityId = parentId,
            PercentComplete = share < 0 ? -1 : (int)(share * 100),
            // What was done before the first record, such as steps before a stop, took none of the time since.
            SecondsRemaining = share > activity.FirstShare && !update.Completed
                ? (int)Math.Min(Stopwatch.GetElapsedTime(activity.Started).TotalSeconds * (1 - share) / (share - activity.FirstShare), int.MaxValue)
                : -1,
            RecordType = update.Completed ? ProgressRecordType.Completed : ProgressRecordType.Processing,
        };
    }

    /// <summary>Records that end what is still shown: an operation that failed or was stopped did not say so itself.</summary>
    public IReadOnlyList<ProgressRecord> CompleteAll() =>
        [.. _activities.Keys.Select(name => Thin(new(name, string.Empty, 0, 0, Completed: true))!)];

    private sealed class Activity(int id, long started)
    {
        public int Id => id;

        public long Started => started;

        public long? Shown { get; set; }

        public double FirstShare { get; set; }
    }
}
