using System.Globalization;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Latency;

/// <summary>
/// Lets the processes of this machine take turns when they measure time on one device. A locked file that all of them see:
/// the system itself unlocks it when a process dies. A note beside it says whose turn it is.
/// </summary>
internal static class DeviceLock
{
    private const string SharedFolder = "/dev/shm";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Waits until no other process measures on the device, and says so once when it has to wait, and for whom; disposing it
    /// ends the turn. A turn that a process left behind when it died is taken over, and that is said. Where there can be no
    /// lock it is measured without one, and that is said too.
    /// </summary>
    /// <param name="device">The device as torch names it.</param>
    public static IDisposable Take(string device, IReporter reporter, CancellationToken cancellationToken)
    {
        var path = PathFor(device);
        for (var told = false; ; told = true)
        {
            try
            {
                // Opened for reading, which another account's file allows too.
                var file = new FileStream(path, File.Exists(path) ? FileMode.Open : FileMode.OpenOrCreate, FileAccess.Read, FileShare.None);
                return new Turn(file, NoteFor(device), device, reporter);
            }
            catch (IOException e) when (HeldFile.Is(e))
            {
                if (!told)
                {
                    reporter.Warning($"Waiting for {ReadNote(device) ?? "another process"}, which measures time on {device} (it holds '{path}').");
                }

                cancellationToken.WaitHandle.WaitOne(Pause);
                cancellationToken.ThrowIfCancellationRequested();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                reporter.Warning($"The lock file of {device} cannot be opened, so another process may disturb the measurement: {e.Message}");
                return new MemoryStream();
            }
        }
    }

    internal static string PathFor(string device) => Path.Combine(Folder(), $"ziplm-{device.Replace(':', '-')}.lock");

    /// <summary>The temporary folder where the environment names one; else not /tmp, of which a service may have one of its own (systemd's PrivateTmp).</summary>
    private static string Folder() => Environment.GetEnvironmentVariable("TMPDIR") is null && Directory.Exists(SharedFolder) ? SharedFolder : Path.GetTempPath();

    internal static string NoteFor(string device) => PathFor(device) + ".owner";

    private static string? ReadNote(string device)
    {
        try
        {
            return File.ReadAllText(NoteFor(device)) is { Length: > 0 } text ? text : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Without a note, or before it is written.
            return null;
        }
    }

    /// <summary>The locked file and the note of one turn.</summary>
    private sealed class Turn : IDisposable
    {
        private readonly FileStream _file;
        private readonly string _note;

        public Turn(FileStream file, string note, string device, IReporter reporter)
        {
            (_file, _note) = (file, note);
            var dead = ReadNote(device);
            try
            {
                File.WriteAllText(note, string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} ({Path.GetFileNameWithoutExtension(Environment.ProcessPath)})"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another account's note: the lock itself holds all the same. As it stays, it would be said for ever.
                return;
            }

            if (dead is not null)
            {
                reporter.Warning($"The lock of {device} was left behind by {dead}, which has ended without giving it back; it is taken over.");
            }
        }

        public void Dispose()
        {
            try
            {
                File.Delete(_note);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // As above.
            }

            _file.Dispose();
        }
    }
}
