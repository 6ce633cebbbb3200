namespace ZipLM;

/// <summary>
/// Where models run: a device, the number format, threads, a seed, and the models whose weights are in memory.
/// Disposing it frees them. One is made on first use in each runspace; the engine has the one implementation.
/// </summary>
public abstract class GpuSession : IDisposable
{
    /// <summary>Counts the sessions of this process, from 1.</summary>
    public abstract int Id { get; }

    /// <summary>The device as torch names it: <c>cpu</c>, <c>cuda:0</c>.</summary>
    public abstract string Device { get; }

    /// <summary>The device's own name.</summary>
    public abstract string DeviceName { get; }

    /// <summary>The number format in which models are loaded.</summary>
    public abstract Precision Precision { get; }

    /// <summary>Threads that tensor code may use on the CPU.</summary>
    public abstract int Threads { get; }

    /// <summary>Seed of samples, initial weights and dropout.</summary>
    public abstract int Seed { get; }

    /// <summary>Calibration data for models whose directory records none.</summary>
    public abstract TextDataset? CalibrationData { get; }

    /// <summary>Models whose weights are in memory.</summary>
    public abstract IReadOnlyList<Model> Models { get; }

    /// <summary>Bytes of the weights in memory.</summary>
    public abstract long ResidentBytes { get; }

    /// <summary>Memory of the device that is free, in bytes.</summary>
    public abstract long FreeBytes { get; }

    /// <summary>Memory of the device, in bytes.</summary>
    public abstract long TotalBytes { get; }

    /// <summary>True once it was disconnected.</summary>
    public abstract bool IsDisposed { get; }

    /// <inheritdoc />
    public override string ToString() => $"session {Id} on {Device}";

    /// <inheritdoc />
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the models' weights and ends the worker thread.</summary>
    protected abstract void Dispose(bool disposing);
}
