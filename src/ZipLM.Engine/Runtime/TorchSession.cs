using TorchSharp;

namespace ZipLM.Engine.Runtime;

/// <summary>A session on libtorch. All tensor code goes through <see cref="Run{T}"/>.</summary>
public sealed class TorchSession : GpuSession
{
    private readonly Worker _worker;
    private readonly Lock _lock = new();
    private readonly List<WeakReference<IResident>> _residents = [];
    private readonly string? _warning;
    private long _clock;
    private long _runStart;
    private int _operations;
    private bool _disposed;

    private TorchSession(SessionOptions options, int id, int threads, torch.Device device, string? warning, string deviceName, Worker worker)
    {
        _worker = worker;
        _warning = warning;
        Id = id;
        Threads = threads;
        Precision = options.Precision;
        Seed = options.Seed;
        CalibrationData = options.CalibrationData;
        TorchDevice = device;
        Device = device.type == DeviceType.CUDA ? $"cuda:{device.index}" : "cpu";
        DeviceName = deviceName;
    }

    /// <summary>
    /// A session that was forgotten with its runspace (ForEach-Object -Parallel closes its own) and its models: ends the
    /// thread and gives the process's thread count free.
    /// </summary>
    ~TorchSession() => Dispose(false);

    /// <inheritdoc />
    public override int Id { get; }

    /// <inheritdoc />
    public override string Device { get; }

    /// <inheritdoc />
    public override string DeviceName { get; }

    /// <inheritdoc />
    public override Precision Precision { get; }

    /// <inheritdoc />
    public override int Threads { get; }

    /// <inheritdoc />
    public override int Seed { get; }

    /// <inheritdoc />
    public override TextDataset? CalibrationData { get; }

    /// <inheritdoc />
    public override IReadOnlyList<Model> Models => Residents().Select(r => r.Handle).ToList();

    /// <inheritdoc />
    public override long ResidentBytes => Residents().Sum(r => r.ResidentBytes);

    /// <inheritdoc />
    public override long FreeBytes => _disposed ? 0 : DeviceInfo.Memory(TorchDevice)?.Free ?? 0;

    /// <inheritdoc />
    public override long TotalBytes => _disposed ? 0 : DeviceInfo.Memory(TorchDevice)?.Total ?? 0;

    /// <inheritdoc />
    public override bool IsDisposed => _disposed;

    internal torch.Device TorchDevice { get; }

    internal torch.ScalarType ScalarType => Precision == Precision.BFloat16 ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32;

    /// <summary>Loads the native libraries, chooses the device and starts the worker thread.</summary>
    /// <param name="reporter">Hears that there is no CUDA device; null = the first work that has a reporter tells, once in a process.</param>
    /// <exception cref="ZipLMException">The natives do not load, the device does not work, or another session uses other threads.</exception>
    public static TorchSession Connect(SessionOptions options, IReporter? reporter)
    {
        ArgumentNullException.ThrowIfNull(options);
        NativeLibraries.EnsureLoaded();
        var threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        var (device, warning) = DeviceSelector.Select(options.Device);
        // What may fail comes before the session is counted in.
        var deviceName = DeviceInfo.Name(device);
        var id = TorchProcess.Current.Enter(threads);
        var worker = new Worker($"ZipLM session {id}");
        worker.Run(() =>
        {
            // OpenMP keeps its thread count per calling thread, so it is set on the thread that will compute.
            torch.set_num_threads(threads);
            return true;
        });
        if (warning is not null && reporter is not null)
        {
            reporter.Warning(warning);
            TorchProcess.Current.WarnsFirst();
        }

        return new TorchSession(options, id, threads, device, warning, deviceName, worker);
    }

    /// <summary>
    /// Runs tensor code on the session's worker thread and waits for it; may be nested. Operations of one process take
    /// turns; waiting for one's turn is said and can be cancelled.
    /// </summary>
    public T Run<T>(Func<T> work, IReporter? reporter = null, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        if (_worker.IsCurrent)
        {
            // The outer run has the turn; to wait for it here would be for ever.
            return work();
        }

        if (_warning is not null && reporter is not null && TorchProcess.Current.WarnsFirst())
        {
            reporter.Warning(_warning);
        }

        Interlocked.Increment(ref _operations);
        try
        {
            using var turn = TorchProcess.Current.TakeTurn(reporter, cancellationToken);
            ThrowIfDisposed();
            _runStart = Tick();
            return _worker.Run(work);
        }
        finally
        {
            Interlocked.Decrement(ref _operations);
        }
    }

    /// <summary>Frees weights once the work under way, which may be using them, is done; does not wait for that.</summary>
    internal void Free(Action free) => _worker.Post(free);

    /// <summary>Waits until the device has done what was asked of it. A no-op on the CPU.</summary>
    internal void Synchronize()
    {
        if (TorchDevice.type == DeviceType.CUDA)
        {
            torch.cuda.synchronize(TorchDevice);
            // It does not look for errors itself; a kernel that failed would else be found out somewhere later, or never.
            torch.CheckForErrors();
        }
    }

    /// <summary>Remembers, weakly, that a model belongs to this session.</summary>
    internal void Track(IResident resident)
    {
        lock (_lock)
        {
            _residents.RemoveAll(w => !w.TryGetTarget(out _));
            _residents.Add(new WeakReference<IResident>(resident));
        }
    }

    /// <summary>A number for <see cref="IResident.LastUse"/>.</summary>
    internal long Tick() => Interlocked.Increment(ref _clock);

    /// <summary>
    /// Evicts models that have a file, least recently used first, until <paramref name="bytes"/> fit. What the present
    /// run has used already, such as a teacher, stays: the run still holds its weights.
    /// </summary>
    internal void MakeRoom(long bytes, IReporter? reporter)
    {
        if (DeviceInfo.Memory(TorchDevice) is { } memory)
        {
            MakeRoom(bytes, memory.Free, reporter);
        }
    }

    /// <param name="free">Bytes that the device has free; what is evicted is added here, because torch keeps it for itself.</param>
    internal void MakeRoom(long bytes, long free, IReporter? reporter)
    {
        foreach (var resident in Residents().Where(r => r.CanEvict && r.LastUse < _runStart).OrderBy(r => r.LastUse))
        {
            if (free > bytes + (bytes / 4))
            {
                return;
            }

            reporter?.Verbose($"Freeing the weights of {resident.Handle.Name} ({resident.ResidentBytes / 1_000_000} MB) to make room; they can be read again.");
            free += resident.ResidentBytes;
            resident.Evict();
        }
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        if (_disposed)
        {
            return;
        }

        if (disposing && Volatile.Read(ref _operations) > 0)
        {
            throw new ZipLMException("SessionBusy", ErrorKind.InvalidOperation,
                $"Session {Id} is at work and cannot be disconnected.", "Wait for its jobs (Wait-Job) or stop them (Stop-Job) first.", this);
        }

        _disposed = true;
        if (!disposing)
        {
            _worker.Finish();
            TorchProcess.Current.Leave();
            return;
        }

        foreach (var resident in Residents())
        {
            resident.Handle.Dispose();
        }

        // Ends when it has freed them.
        _worker.Dispose();
        TorchProcess.Current.Leave();
    }

    private List<IResident> Residents()
    {
        lock (_lock)
        {
            return [.. _residents.Select(w => w.TryGetTarget(out var r) ? r : null).OfType<IResident>().Where(r => r.ResidentBytes > 0)];
        }
    }

    private void ThrowIfDisposed()
    {
        if (_disposed)
        {
            throw new ZipLMException("SessionDisconnected", ErrorKind.InvalidOperation,
                $"Session {Id} was disconnected.", "Make a new one with Connect-GpuSession, and read the models again with Get-Model.", this);
        }
    }
}
