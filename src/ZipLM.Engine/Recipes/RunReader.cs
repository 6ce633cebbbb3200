using System.Globalization;

namespace ZipLM.Engine.Recipes;

/// <summary>Get-CompressionRun: the stages of a run directory, as their folders tell.</summary>
public static class RunReader
{
    /// <summary>Reads the stages. Files are compared by their sizes, so that it is quick: a run compares their contents.</summary>
    /// <param name="directory">Absolute path.</param>
    /// <exception cref="ZipLMException"><c>RunMissing</c>, <c>RunVersion</c>, <c>RunFileInvalid</c>.</exception>
    public static IReadOnlyList<CompressionStage> Read(string directory)
    {
        var record = RunRecord.Read(directory) ?? throw new ZipLMException("RunMissing", ErrorKind.NotFound,
            $"'{directory}' is no run directory: there is no {RunRecord.FileName} in it.", "Give the -RunDirectory of Invoke-CompressionRecipe.", directory);
        var holder = RunLock.Holder(directory);
        return [.. record.Stages.Select(entry => Stage(directory, record.Recipe, entry, holder))];
    }

    private static CompressionStage Stage(string directory, string recipe, RunRecord.Entry entry, string? holder)
    {
        var folder = new StageFolder(Path.Combine(directory, entry.Folder));
        var mark = folder.Mark;
        var state = mark is null ? (folder.Exists ? StageState.Begun : StageState.Pending)
            : folder.Damage(mark, thorough: false, default) is null ? StageState.Done
            : StageState.Damaged;
        var measured = mark is null ? null : folder.Measured;
        var evaluation = state == StageState.Done ? EvaluateStage.Measurement(folder) : null;
        return new()
        {
            Run = directory,
            Recipe = recipe,
            Stage = entry.Folder,
            Target = entry.Target,
            State = state,
            InUseBy = holder,
            Started = DateTimeOffset.TryParse(measured?["started"]?.ToString(), CultureInfo.InvariantCulture, out var started) ? started
                : folder.Exists ? new DateTimeOffset(File.GetLastWriteTime(folder.File(StageFolder.Inputs))) : null,
            Duration = double.TryParse(measured?["seconds"]?.ToString(), CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(seconds) : null,
            Quality = evaluation?.Quality,
            Metric = evaluation?.Metric,
            Speedup = evaluation?.Speedup ?? measured?["measured"]?["ratio"]?.GetValue<double>(),
            Bytes = mark?.Files.Sum(f => f.Bytes) ?? 0,
        };
    }
}
