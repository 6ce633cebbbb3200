using System.Runtime.InteropServices;

namespace ZipLM.Engine.Storage;

/// <summary>
/// Builds a whole directory under a temporary name beside its target and swaps it in when it is complete and on disk.
/// </summary>
internal static partial class AtomicDirectory
{
    /// <summary>A crashed write of this target is cleaned when it is older than this; a younger one may belong to a live process.</summary>
    private static readonly TimeSpan LeftoverAge = TimeSpan.FromDays(1);

    /// <summary>The two renames of a swap take milliseconds: a directory that was put aside longer ago belongs to a crash.</summary>
    private static readonly TimeSpan SwapAge = TimeSpan.FromMinutes(1);

    private const int CurrentDirectory = -100; // AT_FDCWD, which absolute paths ignore
    private const uint RenameExchange = 2;

    /// <summary>Writes a directory; after any failure the old one is as it was and nothing unfinished is left.</summary>
    /// <param name="path">The directory; its parents are made.</param>
    /// <param name="replace">Whether a non-empty directory may be replaced; it must be a model (<see cref="ModelDirectory.IsModel"/>).</param>
    /// <param name="build">Fills the directory whose path it gets.</param>
    /// <exception cref="ZipLMException"><c>ExportTargetExists</c>, <c>ExportTargetNotModel</c>, <c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(string path, bool replace, Action<string> build)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        string temporary = TemporaryName.Beside(target, TemporaryName.Unfinished);
        try
        {
            MakeParent(target);
            CleanCrashedWrites(target);
            RefuseExisting(target, replace);
            Directory.CreateDirectory(temporary);
            build(temporary);
            FlushToDisk(temporary);
            RefuseExisting(target, replace);
            try
            {
                Swap(temporary, target);
            }
            catch (IOException) when (Directory.Exists(temporary) && Directory.Exists(target))
            {
                // Another process has written the same target since it was looked at.
                RefuseExisting(target, replace);
                Swap(temporary, target);
            }
        }
        catch (Exception e)
        {
            DeleteQuietly(temporary);
            if (WriteFailure.Explain(e, target, 0, temporary) is { } error)
                throw error;
            throw;
        }
    }

    /// <summary>Gives a complete directory its name; when that fails, the old one has its name back.</summary>
    internal static void Swap(string temporary, string target)
    {
        if (!Directory.Exists(target))
        {
            Directory.Move(temporary, target);
            return;
        }

        if (Exchange(temporary, target))
        {
            DeleteQuietly(temporary);
            return;
        }

        string old = TemporaryName.Beside(target, TemporaryName.Replaced);
        Directory.SetLastWriteTimeUtc(target, DateTime.UtcNow); // for SwapAge
        Directory.Move(target, old);
        try
        {
            Directory.Move(temporary, target);
        }
        catch
        {
            Directory.Move(old, target);
            throw;
        }

        DeleteQuietly(old);
    }

    /// <summary>Exchanges two names in one step, so that a reader always finds the old directory or the new one; false where the system cannot.</summary>
    private static bool Exchange(string first, string second)
    {
        try
        {
            return OperatingSystem.IsLinux() && RenameAt2(CurrentDirectory, first, CurrentDirectory, second, RenameExchange) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "renameat2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int oldDirectory, string oldPath, int newDirectory, string newPath, uint flags);

    private static void MakeParent(string target)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target) ?? target);
        }
        catch (IOException e) when (WriteFailure.Explain(e, target, 0) is null)
        {
            // A file where a directory should be has no exception type of its own.
            throw WriteFailure.NotWritable(e, target);
        }
    }

    private static void RefuseExisting(string target, bool replace)
    {
        bool isFile = File.Exists(target);
        if (!isFile && (!Directory.Exists(target) || IsEmpty(target)))
            return;
        if (isFile || !replace)
        {
            throw new ZipLMException(
                "ExportTargetExists",
                ErrorKind.Exists,
                isFile ? $"'{target}' is a file, not a directory." : $"The directory '{target}' exists and is not empty.",
                isFile ? "Give another path." : "Give another path, or -Force to replace the model there.",
                target);
        }

        // Never a home folder by mistake.
        if (!ModelDirectory.IsModel(target))
        {
            throw new ZipLMException(
                "ExportTargetNotModel",
                ErrorKind.Exists,
                $"The directory '{target}' is not a model (weights or {ModelDirectory.RecordFile}, and a {ModelDirectory.ConfigFile} with a model_type), and replacing it would delete the files in it.",
                "Give another path.",
                target);
        }
    }

    private static void CleanCrashedWrites(string target)
    {
        if (Path.GetDirectoryName(target) is null)
            return;
        foreach (string old in TemporaryName.DirectoriesBeside(target, TemporaryName.Replaced).Where(old => DateTime.UtcNow - Directory.GetLastWriteTimeUtc(old) > SwapAge))
        {
            // A crash between the two renames of Swap: the old directory is the only one, so it gets its name back.
            if (!Directory.Exists(target))
                Directory.Move(old, target);
            else
                DeleteQuietly(old);
        }

        foreach (string unfinished in TemporaryName.DirectoriesBeside(target, TemporaryName.Unfinished))
        {
            if (DateTime.UtcNow - Directory.GetLastWriteTimeUtc(unfinished) > LeftoverAge)
                DeleteQuietly(unfinished);
        }
    }

    private static void FlushToDisk(string directory)
    {
        // Unix flushes through any handle, so that a read-only copy (the hub's cache has such files) passes too.
        FileAccess access = OperatingSystem.IsWindows() ? FileAccess.ReadWrite : FileAccess.Read;
        foreach (string file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            using var handle = File.OpenHandle(file, FileMode.Open, access);
            RandomAccess.FlushToDisk(handle);
        }
    }

    private static bool IsEmpty(string directory) => !Directory.EnumerateFileSystemEntries(directory).Any();

    // What cannot be deleted now is found by the next write of the same target.
    private static void DeleteQuietly(string directory)
    {
        try
        {
            if (Directory.Exists(directory))
                Directory.Delete(directory, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
