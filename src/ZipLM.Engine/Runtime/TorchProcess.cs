using System.Diagnostics.CodeAnalysis;

namespace ZipLM.Engine.Runtime;

/// <summary>
/// What torch keeps once per process, whatever we would like: its thread count and the generator behind dropout.
/// Sessions therefore agree on the threads, and their work takes turns.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Lives as long as the process.")]
internal sealed class TorchProcess
{
    private const string Waiting = "Waiting";

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Lock _lock = new();
    private int _sessions;
    private int _threads;
    private int _lastId;
    private int _warned;

    private TorchProcess()
    {
    }

    /// <summary>The process has one torch, hence one of these.</summary>
    public static TorchProcess Current { get; } = new();

    /// <summary>Counts a new session in and gives its number.</summary>
    /// <exception cref="ZipLMException">Another session uses another number of threads.</exception>
    public int Enter(int threads)
    {
        lock (_lock)
        {
            if (_sessions > 0 && threads != _threads)
            {
                throw new ZipLMException("SessionThreadsConflict", ErrorKind.InvalidOperation,
                    $"Another session of this process uses {_threads} thread(s); torch has one thread count per process, so a session with {threads} cannot be added.",
                    $"Use -Threads {_threads}, or Disconnect-GpuSession the other session first.", threads);
            }

            _sessions++;
            _threads = threads;
            return ++_lastId;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            _sessions--;
        }
    }

    /// <summary>True once: for the one warning of this process that models run on the CPU.</summary>
    public bool WarnsFirst() => Interlocked.Exchange(ref _warned, 1) == 0;

    /// <summary>Waits until no other session of this process runs tensor code, and says so once when it has to wait.</summary>
    public IDisposable TakeTurn(IReporter? reporter, CancellationToken cancellationToken)
    {
        if (!_turn.Wait(0, cancellationToken))
        {
            reporter?.Verbose("Waiting for another ZipLM operation of this process to finish: torch's threads and random numbers are shared.");
            reporter?.Progress(new(Waiting, "waiting for another operation", 0, 0));
            _turn.Wait(cancellationToken);
            reporter?.Progress(new(Waiting, string.Empty, 0, 0, Completed: true));
        }

        return new Turn(_turn);
    }

    private sealed class Turn(SemaphoreSlim semaphore) : IDisposable
    {
        public void Dispose() => semaphore.Release();
    }
}
