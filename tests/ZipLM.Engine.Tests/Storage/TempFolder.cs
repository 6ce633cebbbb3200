namespace ZipLM.Engine.Tests.Storage;

/// <summary>A folder of its own for one test, deleted after it.</summary>
public sealed class TempFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("ziplm-storage-").FullName;

    public string this[string relative] => Path.Combine(Root, relative);

    /// <summary>Writes a file and the directories above it.</summary>
    public string Write(string relative, string content = "{}")
    {
        string path = this[relative];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    public string Write(string relative, byte[] content)
    {
        File.WriteAllBytes(this[relative], content);
        return this[relative];
    }

    /// <summary>Names of everything directly in it, sorted.</summary>
    public string[] Entries() => [.. Directory.GetFileSystemEntries(Root).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
