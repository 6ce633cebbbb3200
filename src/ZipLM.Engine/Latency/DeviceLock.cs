namespace ZipLM.Engine.Latency;

/// <summary>
/// Lets the processes of this machine take turns when they measure time on one device. A locked file in the temporary
/// folder: the system itself unlocks it when a process dies.
/// </summary>
internal static class DeviceLock
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits until no other process measures on the device, and says so once when it has to wait; disposing it ends the turn.</summary>
    /// <param name="device">The device as torch names it.</param>
    public static IDisposable Take(string device, IReporter reporter, CancellationToken cancellationToken)
    {
        var path = PathFor(device);
        for (var told = false; ; told = true)
        {
            try
            {
                // Opened for reading, which another account's file allows too.
                return new FileStream(path, File.Exists(path) ? FileMode.Open : FileMode.OpenOrCreate, FileAccess.Read, FileShare.None);
            }
            catch (IOException e) when (e is not (DirectoryNotFoundException or FileNotFoundException))
            {
                if (!told)
                {
                    reporter.Warning($"Waiting for another process that measures time on {device} (it holds '{path}').");
                }

                cancellationToken.WaitHandle.WaitOne(Pause);
                cancellationToken.ThrowIfCancellationRequested();
            }
            catch (UnauthorizedAccessException e)
            {
                reporter.Warning($"The lock file of {device} cannot be opened, so another process may disturb the measurement: {e.Message}");
                return new MemoryStream();
            }
        }
    }

    internal static string PathFor(string device) => Path.Combine(Path.GetTempPath(), $"ziplm-{device.Replace(':', '-')}.lock");
}
