namespace ZipLM.Engine.Storage;

/// <summary>Names beside a target for what is not finished or no longer valid; hidden, and never a valid model name.</summary>
internal static class TemporaryName
{
    /// <summary>Ending of what is still being written.</summary>
    public const string Unfinished = ".tmp";

    /// <summary>Ending of what was replaced and is about to be deleted.</summary>
    public const string Replaced = ".old";

    private const int IdLength = 32;

    /// <summary>A new name in the target's directory, so that a rename never crosses a disk.</summary>
    public static string Beside(string target, string ending) =>
        Path.Combine(Path.GetDirectoryName(target) ?? target, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}{ending}");

    /// <summary>Deletes what writers that were killed left in a directory; nobody else may be writing there.</summary>
    public static void DeleteUnfinished(string directory)
    {
        foreach (string file in Directory.Exists(directory) ? Directory.GetFiles(directory, $".*{Unfinished}") : [])
            File.Delete(file);
    }

    /// <summary>All directories that <see cref="Beside"/> once named for this target.</summary>
    public static string[] DirectoriesBeside(string target, string ending) =>
        [.. Directory.EnumerateDirectories(Path.GetDirectoryName(target)!).Where(path => IsOf(path, target, ending))];

    /// <summary>All files that <see cref="Beside"/> once named for this target.</summary>
    public static string[] FilesBeside(string target, string ending) =>
        [.. Directory.EnumerateFiles(Path.GetDirectoryName(target)!).Where(path => IsOf(path, target, ending))];

    private static bool IsOf(string path, string target, string ending)
    {
        // Ids are of one length, so that "model" does not take "model.v2"'s for its own.
        string start = $".{Path.GetFileName(target)}.";
        string name = Path.GetFileName(path);
        return name.Length == start.Length + IdLength + ending.Length
            && name.StartsWith(start, StringComparison.Ordinal)
            && name.EndsWith(ending, StringComparison.Ordinal);
    }
}
