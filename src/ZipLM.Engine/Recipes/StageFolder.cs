using System.Globalization;
using System.Text.Json.Nodes;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>
/// The folder of one stage: what it is made of (<c>inputs.json</c>), what it made, times and dates (<c>measurements.json</c>,
/// the one file that two runs of the same stage differ in), and the done mark, which is written last.
/// </summary>
internal sealed class StageFolder(string path)
{
    public const string Inputs = "inputs.json";
    public const string Measurements = "measurements.json";

    /// <summary>Where training keeps its checkpoints: it survives a stop.</summary>
    public const string Checkpoint = "checkpoint";

    /// <summary>What a training needs until its stage is done: the curve, which is among the measurements then, and the lock.</summary>
    private static readonly string[] Passing = [System.IO.Path.Combine(Checkpoint, TrainingCheckpoint.MetricsName), System.IO.Path.Combine(Checkpoint, TrainingCheckpoint.LockName)];

    public string Path => path;

    public bool Exists => Directory.Exists(path);

    public StageMark? Mark => StageMark.Read(path);

    /// <summary>The inputs that it was last begun with; null where they cannot be read.</summary>
    public JsonObject? BegunWith => Read(Inputs);

    /// <summary>Figures of what it measured; null where they cannot be read.</summary>
    public JsonObject? Measured => Read(Measurements);

    public string File(string name) => System.IO.Path.Combine(path, name);

    /// <summary>What is wrong with the files of a done stage; null = they are as they were made.</summary>
    /// <param name="thorough">Compare the contents, not the sizes alone.</param>
    public string? Damage(StageMark mark, bool thorough, CancellationToken cancellationToken)
    {
        foreach (var output in mark.Files)
        {
            var file = new FileInfo(File(output.Path));
            if (!file.Exists)
            {
                return $"{output.Path} is missing";
            }

            if (file.Length != output.Bytes)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{output.Path} has {file.Length:N0} bytes in place of {output.Bytes:N0}");
            }

            if (thorough && ContentHash.OfFile(file.FullName, cancellationToken) != output.Sha256)
            {
                return $"{output.Path} has other contents";
            }
        }

        return Measured is null ? $"{Measurements} cannot be read" : null;
    }

    /// <summary>Makes the folder ready for the stage: what is there of the same inputs and can be gone on with stays, all else goes.</summary>
    public void Begin(StageInputs inputs)
    {
        Directory.CreateDirectory(path);
        if (Mark is { } done && done.Files.Any(f => f.Path.StartsWith(Checkpoint, StringComparison.Ordinal) && !IsWhole(f)))
        {
            Directory.Delete(File(Checkpoint), recursive: true);
        }

        // Before the rest: a folder that is half deleted must not look done.
        System.IO.File.Delete(File(StageMark.FileName));
        var resumes = BegunWith?.ToJsonString() == inputs.Json.ToJsonString();
        foreach (var entry in Directory.GetFileSystemEntries(path))
        {
            if (resumes && System.IO.Path.GetFileName(entry) is Checkpoint or Inputs)
            {
                TemporaryName.DeleteUnfinished(entry);
                continue;
            }

            if (Directory.Exists(entry))
            {
                Directory.Delete(entry, recursive: true);
            }
            else
            {
                System.IO.File.Delete(entry);
            }
        }

        JsonFile.Write(File(Inputs), inputs.Json);
    }

    /// <summary>Writes the measurements and then the mark.</summary>
    /// <param name="delivered">Files outside of the folder that the stage made as well.</param>
    public StageMark Finish(StageInputs inputs, JsonObject measurements, IEnumerable<string> delivered, CancellationToken cancellationToken)
    {
        JsonFile.Write(File(Measurements), measurements);
        var files = Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Concat(delivered)
            .Select(f => (Name: System.IO.Path.GetRelativePath(path, f), Path: f))
            .Where(f => f.Name is not (Inputs or Measurements) && !Passing.Contains(f.Name))
            .OrderBy(f => f.Name, StringComparer.Ordinal)
            .Select(f => new StageMark.Output(f.Name, ContentHash.OfFile(f.Path, cancellationToken), new FileInfo(f.Path).Length));
        var mark = new StageMark(inputs.Key, [.. files]);
        mark.Write(path);
        Tidy();
        return mark;
    }

    /// <summary>Removes what a stage that is done needs no longer. Not before the mark: a stop between them would cost the learning curve.</summary>
    public void Tidy()
    {
        foreach (var file in Passing.Select(File).Where(System.IO.File.Exists))
        {
            System.IO.File.Delete(file);
        }
    }

    private bool IsWhole(StageMark.Output output) => !System.IO.File.Exists(File(output.Path)) || ContentHash.OfFile(File(output.Path), default) == output.Sha256;

    private JsonObject? Read(string name)
    {
        try
        {
            return JsonFile.Read(File(name));
        }
        catch (ZipLMException)
        {
            return null;
        }
    }
}
