namespace ZipLM.Engine.Storage;

/// <summary>
/// A lock between processes: an open file that no other may open. Hugging Face's own tools lock the same file in the same
/// way (flock), so that they and this one take turns at a blob.
/// </summary>
internal static class HubLock
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits until it is free; disposing gives it back. The system gives it back when the process dies.</summary>
    /// <param name="path">The lock file; it stays.</param>
    /// <param name="waits">Called once when another holds it.</param>
    public static async Task<IDisposable> TakeAsync(string path, Action waits, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        for (bool said = false; ; said = true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException or FileNotFoundException) && WriteFailure.Explain(e, path, 0) is null)
            {
                if (!said)
                    waits();
            }

            await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
        }
    }
}
