namespace ZipLM.Engine.Storage;

/// <summary>Names beside a target for what is not finished or no longer valid; hidden, and never a valid model name.</summary>
internal static class TemporaryName
{
    /// <summary>Ending of what is still being written.</summary>
    public const string Unfinished = ".tmp";

    /// <summary>Ending of what was replaced and is about to be deleted.</summary>
    public const string Replaced = ".old";

    /// <summary>A new name in the target's directory, so that a rename never crosses a disk.</summary>
    public static string Beside(string target, string ending) =>
        Path.Combine(Path.GetDirectoryName(target) ?? target, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}{ending}");

    /// <summary>All directories that <see cref="Beside"/> once named for this target.</summary>
    public static string[] DirectoriesBeside(string target, string ending) =>
        Directory.GetDirectories(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.*{ending}");
}
