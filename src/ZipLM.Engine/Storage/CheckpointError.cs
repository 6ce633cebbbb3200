namespace ZipLM.Engine.Storage;

/// <summary>Errors about weights files; each names the file and says what to do.</summary>
internal static class CheckpointError
{
    /// <summary>A file that is damaged, incomplete or not what its name says.</summary>
    public static ZipLMException Damaged(string errorId, string file, string reason, Exception? cause = null) => new(
        errorId,
        ErrorKind.InvalidData,
        $"'{file}' cannot be used: {reason}",
        "Download the file again, or export the model again.",
        file,
        cause);

    /// <summary>A file that the operating system does not let us read.</summary>
    public static ZipLMException Unreadable(string file, Exception cause) => cause is FileNotFoundException or DirectoryNotFoundException
        ? new("CheckpointMissing", ErrorKind.NotFound, $"The weights file '{file}' does not exist.", "Check the path.", file, cause)
        : new("CheckpointUnreadable", ErrorKind.ResourceUnavailable, $"'{file}' cannot be read: {cause.Message}", "Check the file's permissions and the disk.", file, cause);
}
