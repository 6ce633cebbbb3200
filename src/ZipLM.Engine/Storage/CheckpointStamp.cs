using System.Globalization;

namespace ZipLM.Engine.Storage;

/// <summary>
/// What the weights files of a directory look like from outside: names, lengths and times of change. Two equal stamps are of
/// the same files.
/// </summary>
internal sealed record CheckpointStamp(string Files)
{
    /// <summary>The stamp of a directory, also of one without weights or of none.</summary>
    public static CheckpointStamp Of(string directory)
    {
        var single = new FileInfo(Path.Combine(directory, Checkpoint.SingleFile));
        IEnumerable<FileInfo> files = single.Exists ? [single] : Shards(directory);
        return new(string.Join('\n', files.Select(file => string.Create(CultureInfo.InvariantCulture, $"{file.Name} {file.Length} {file.LastWriteTimeUtc.Ticks}"))));
    }

    private static IEnumerable<FileInfo> Shards(string directory)
    {
        try
        {
            return new DirectoryInfo(directory).GetFiles("*.safetensors*").OrderBy(file => file.Name, StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
