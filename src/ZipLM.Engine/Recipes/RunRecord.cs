using System.Text.Json.Nodes;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary><c>run.json</c> of a run directory: whose it is, and its stages in their order.</summary>
/// <param name="Recipe">Name of the recipe.</param>
/// <param name="File">Absolute path of the recipe's file when it was last run.</param>
/// <param name="Stages">Folder and target of each stage.</param>
internal sealed record RunRecord(string Recipe, string File, IReadOnlyList<RunRecord.Entry> Stages)
{
    public const string FileName = "run.json";
    private const int Format = 1;
    private const string Remedy = "Delete this file alone: the next start writes it again, and the stages stay.";

    /// <summary>The record of a directory; null where it has none.</summary>
    /// <exception cref="ZipLMException"><c>RunVersion</c>, <c>RunFileInvalid</c>.</exception>
    public static RunRecord? Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!System.IO.File.Exists(path))
        {
            return null;
        }

        var json = Json(path);
        if (json["format"]?.ToJsonString() is var format and not "1")
        {
            throw new ZipLMException("RunVersion", ErrorKind.InvalidData,
                $"The run directory '{directory}' is of format {format ?? "(none)"}, but this version of ZipLM reads format {Format}.",
                "Use the version of ZipLM that made it, or give another -RunDirectory.", directory);
        }

        json.Remove("format");
        return StageJson.To<RunRecord>(json, path, Remedy);
    }

    public void Write(string directory)
    {
        var json = new JsonObject { ["format"] = Format };
        foreach (var (key, value) in StageJson.Of(this).AsObject())
        {
            json[key] = value?.DeepClone();
        }

        JsonFile.Write(Path.Combine(directory, FileName), json);
    }

    private static JsonObject Json(string path)
    {
        try
        {
            return JsonFile.Read(path);
        }
        catch (ZipLMException e) when (e.Kind == ErrorKind.InvalidData)
        {
            throw new ZipLMException("RunFileInvalid", ErrorKind.InvalidData, e.Message, Remedy, path, e);
        }
    }

    /// <summary>One stage.</summary>
    internal sealed record Entry(string Folder, double? Target = null);
}
