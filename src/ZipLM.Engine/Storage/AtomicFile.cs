namespace ZipLM.Engine.Storage;

/// <summary>
/// Writes a file so that its name always holds the old content or the complete new one: a temporary name in the same
/// directory, a flush to disk, a rename.
/// </summary>
internal static class AtomicFile
{
    /// <summary>Writes or replaces a file; after any failure the old file is as it was and no temporary file is left.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="bytes">The content's size where it is known beforehand: too little space is then found before the first byte.</param>
    /// <exception cref="ZipLMException"><c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(string path, Action<Stream> write, long bytes = 0)
    {
        string target = Path.GetFullPath(path);
        string temporary = TemporaryName.Beside(target, TemporaryName.Unfinished);
        WriteFailure.RequireSpace(target, bytes);
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception e)
        {
            DeleteQuietly(temporary);
            if (WriteFailure.Explain(e, target, bytes, temporary) is { } error)
                throw error;
            throw;
        }
    }

    /// <summary>Writes or replaces a file with these bytes; the same guarantees.</summary>
    /// <exception cref="ZipLMException"><c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(string path, ReadOnlyMemory<byte> content) =>
        Write(path, stream => stream.Write(content.Span), content.Length);

    /// <summary>Finds out whether a file could be written, without leaving one: for what is written after long work.</summary>
    /// <exception cref="ZipLMException"><c>FileNotWritable</c>.</exception>
    public static void RequireWritable(string path)
    {
        string target = Path.GetFullPath(path);
        string temporary = TemporaryName.Beside(target, TemporaryName.Unfinished);
        try
        {
            if (Directory.Exists(target))
                throw new UnauthorizedAccessException("It is a folder.");
            File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write).Dispose();
        }
        catch (Exception e) when (WriteFailure.Explain(e, target, 0, temporary) is { } error)
        {
            throw error;
        }
        finally
        {
            DeleteQuietly(temporary);
        }
    }

    // The failure that led here is the one to report, not that of the cleaning.
    private static void DeleteQuietly(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
