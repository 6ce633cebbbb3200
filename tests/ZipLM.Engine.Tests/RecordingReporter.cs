using System.Collections.Concurrent;

namespace ZipLM.Engine.Tests;

/// <summary>Keeps what an operation told.</summary>
internal sealed class RecordingReporter : IReporter
{
    private readonly ConcurrentQueue<string> _verbose = [];
    private readonly ConcurrentQueue<string> _warnings = [];
    private readonly ConcurrentQueue<object> _milestones = [];

    public IReadOnlyCollection<string> VerboseMessages => _verbose;

    public IReadOnlyCollection<string> Warnings => _warnings;

    public IReadOnlyCollection<object> Milestones => _milestones;

    /// <summary>Called with each verbose message, on the thread that reports it.</summary>
    public Action<string>? OnVerbose { get; init; }

    /// <summary>Called on each progress update, on the thread that reports it.</summary>
    public Action<ProgressUpdate>? OnProgress { get; init; }

    public void Verbose(string message)
    {
        _verbose.Enqueue(message);
        OnVerbose?.Invoke(message);
    }

    public void Debug(string message)
    {
    }

    public void Warning(string message) => _warnings.Enqueue(message);

    public void Milestone(object message) => _milestones.Enqueue(message);

    public void Progress(ProgressUpdate update) => OnProgress?.Invoke(update);
}
