using System.Globalization;

namespace ZipLM.Engine.Storage;

/// <summary>Turns what the file system says when a write fails into an error that a user can act on.</summary>
internal static class WriteFailure
{
    // What .NET puts into HResult: errno on Unix (ENOSPC, EDQUOT, EROFS), a Win32 code on Windows.
    private const int NoSpaceLeft = 28;
    private const int QuotaExceeded = 122;
    private const int ReadOnlyFileSystem = 30;
    private const int WindowsDiskFull = unchecked((int)0x80070070);
    private const int WindowsHandleDiskFull = unchecked((int)0x80070027);

    /// <summary>Refuses a write that cannot fit, before the first byte of it.</summary>
    /// <param name="path">What is to be written.</param>
    /// <param name="bytes">How many bytes it needs.</param>
    /// <exception cref="ZipLMException"><c>DiskFull</c>.</exception>
    public static void RequireSpace(string path, long bytes)
    {
        if (FreeBytes(path) is { } free && bytes > free)
            throw DiskFull(path, bytes, free, null);
    }

    /// <summary>The error for a failed write, or null when the file system is not the cause.</summary>
    /// <param name="cause">What was thrown.</param>
    /// <param name="path">What was to be written.</param>
    /// <param name="bytes">How many bytes it needs; 0 when unknown.</param>
    /// <param name="temporary">The hidden name under which it was being written, if any: the user is told the real one.</param>
    public static ZipLMException? Explain(Exception cause, string path, long bytes, string? temporary = null) => cause switch
    {
        // A file within a directory that is being built: what is wrong was said, but of the hidden directory.
        ZipLMException { Target: string target } known when temporary is not null && target.StartsWith(temporary, StringComparison.Ordinal) => new ZipLMException(
            known.ErrorId["ZipLM.".Length..], known.Kind, Renamed(known.Message, temporary, path), known.Remedy, Renamed(target, temporary, path), known),
        IOException { HResult: NoSpaceLeft or WindowsDiskFull or WindowsHandleDiskFull } => DiskFull(path, bytes, FreeBytes(path), cause),
        IOException { HResult: QuotaExceeded } when !OperatingSystem.IsWindows() => DiskFull(path, bytes, FreeBytes(path), cause),
        IOException { HResult: ReadOnlyFileSystem } when !OperatingSystem.IsWindows() => NotWritable(cause, path, temporary),
        UnauthorizedAccessException or DirectoryNotFoundException or PathTooLongException => NotWritable(cause, path, temporary),
        // A file system that takes no new files (/proc) says that the new one does not exist.
        FileNotFoundException { FileName: string file } when temporary is not null && file.StartsWith(temporary, StringComparison.Ordinal) => NotWritable(cause, path, temporary),
        IOException when temporary is not null && cause.Message.Contains(temporary, StringComparison.Ordinal) => NotWritable(cause, path, temporary),
        _ => null,
    };

    /// <summary>The error for a place that cannot be written to, whatever the file system's reason.</summary>
    public static ZipLMException NotWritable(Exception cause, string path, string? temporary = null) => new(
        "FileNotWritable",
        ErrorKind.ResourceUnavailable,
        $"'{path}' cannot be written: {Renamed(cause.Message, temporary, path)}",
        "Give a path in an existing directory that this account may write to.",
        path,
        cause);

    private static string Renamed(string text, string? temporary, string path) =>
        temporary is null ? text : text.Replace(temporary, path, StringComparison.Ordinal);

    private static ZipLMException DiskFull(string path, long needed, long? free, Exception? cause)
    {
        string size = needed > 0 ? string.Create(CultureInfo.InvariantCulture, $"{needed:N0} bytes are needed, ") : "";
        string left = free is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"{bytes:N0} bytes are free") : "free space is unknown";
        return new ZipLMException(
            "DiskFull",
            ErrorKind.ResourceUnavailable,
            $"No space on disk for '{path}': {size}{left}. Nothing was replaced.",
            "Free some space, or write to another disk.",
            path,
            cause);
    }

    private static long? FreeBytes(string path)
    {
        try
        {
            // The nearest ancestor that exists: the directory itself may still have to be made.
            string? directory = Path.GetDirectoryName(Path.GetFullPath(path));
            while (directory is not null && !Directory.Exists(directory))
                directory = Path.GetDirectoryName(directory);
            // A file system that is not a disk (/proc) has no size.
            return directory is not null && new DriveInfo(directory) is { TotalSize: > 0 } disk ? disk.AvailableFreeSpace : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
