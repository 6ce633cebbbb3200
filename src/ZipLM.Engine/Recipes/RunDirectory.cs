using System.Text.RegularExpressions;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>A run directory that this process alone works in, until it is disposed.</summary>
internal sealed partial class RunDirectory : IDisposable
{
    private readonly RunLock _lock;

    private RunDirectory(string path, RunLock held) => (Path, _lock) = (path, held);

    /// <summary>Absolute.</summary>
    public string Path { get; }

    /// <summary>Makes or opens the directory for a recipe.</summary>
    /// <exception cref="ZipLMException"><c>RunOtherRecipe</c>, <c>RunVersion</c>, <c>RunDirectoryTaken</c>, <c>RunLocked</c>, <c>FileNotWritable</c>, <c>DiskFull</c>.</exception>
    public static RunDirectory Open(Recipe recipe, string path, IReporter reporter)
    {
        Require(recipe, path);
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Explain(e, path, 0) ?? WriteFailure.NotWritable(e, path);
        }

        return new(path, RunLock.Take(path, reporter));
    }

    /// <summary>Refuses a directory that cannot be this recipe's; writes nothing.</summary>
    public static void Require(Recipe recipe, string path)
    {
        if (RunRecord.Read(path) is { } record)
        {
            if (record.Recipe != recipe.Name)
            {
                throw new ZipLMException("RunOtherRecipe", ErrorKind.InvalidArgument,
                    $"The run directory '{path}' belongs to the recipe '{record.Recipe}' ({record.File}), not to '{recipe.Name}'.",
                    "Give another -RunDirectory, or the recipe's old name.", path);
            }
        }
        else if (File.Exists(path) || (Directory.Exists(path) && !HasStages(path) && Directory.EnumerateFileSystemEntries(path).Any(e => System.IO.Path.GetFileName(e)[0] != '.')))
        {
            throw new ZipLMException("RunDirectoryTaken", ErrorKind.Exists,
                $"'{path}' is no run directory: there are other files in it, or it is one.", "Give -RunDirectory a directory of its own.", path);
        }
    }

    /// <summary>Whether it is a run directory all the same, whose record was lost.</summary>
    private static bool HasStages(string path) => Folders(path).SelectMany(f => f).Any(f => File.Exists(System.IO.Path.Combine(path, f, StageFolder.Inputs)));

    /// <summary>Gives folders of earlier runs the numbers that their stages have now, and records the stages.</summary>
    public void Arrange(Recipe recipe, IReadOnlyList<Stage> stages, IReporter reporter)
    {
        var there = Folders(Path);
        foreach (var stage in stages.Where(s => there[s.Id].Any() && !there[s.Id].Contains(s.Folder)))
        {
            Directory.Move(System.IO.Path.Combine(Path, there[stage.Id].First()), System.IO.Path.Combine(Path, stage.Folder));
        }

        string[] left = [.. there.Where(f => stages.All(s => s.Id != f.Key)).SelectMany(f => f), .. Members(stages)];
        if (left.Length > 0)
        {
            reporter.Warning($"The recipe has nothing to do any more with {string.Join(", ", left.Order(StringComparer.Ordinal))} in '{Path}', which stays as it is: delete what is not needed.");
        }

        new RunRecord(recipe.Name, recipe.File, [.. stages.Select(s => new RunRecord.Entry(s.Folder, s.Target))]).Write(Path);
    }

    /// <summary>Where a stage lies, whatever number its folder has from an earlier run; null where it is not there.</summary>
    public static string? FolderOf(Stage stage, string path) => Folders(path)[stage.Id].OrderBy(f => f != stage.Folder).FirstOrDefault() is { } folder
        ? System.IO.Path.Combine(path, folder) : null;

    private static ILookup<string, string> Folders(string path) => (Directory.Exists(path) ? Directory.GetDirectories(path) : [])
        .Select(d => System.IO.Path.GetFileName(d)).Where(d => Numbered().IsMatch(d)).ToLookup(d => Numbered().Replace(d, string.Empty));

    /// <summary>Members that no stage writes.</summary>
    private IEnumerable<string> Members(IReadOnlyList<Stage> stages)
    {
        var family = System.IO.Path.Combine(Path, RunContext.FamilyFolder);
        var written = stages.OfType<ExportStage>().Select(s => s.Member).ToHashSet();
        return (Directory.Exists(family) ? Directory.GetDirectories(family) : []).Select(d => System.IO.Path.GetFileName(d))
            .Where(d => d[0] != '.' && !written.Contains(d)).Select(d => $"{RunContext.FamilyFolder}/{d}");
    }

    public void Dispose() => _lock.Dispose();

    [GeneratedRegex(@"^\d+-", RegexOptions.CultureInvariant)]
    private static partial Regex Numbered();
}
