using System.Text.Json;
using System.Text.Json.Nodes;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>A stage's done mark: the key of its inputs, and hash and size of each file that it made.</summary>
/// <param name="Key">The key of the inputs.</param>
/// <param name="Files">By their paths relative to the stage's folder, in ordinal order.</param>
internal sealed record StageMark(string Key, IReadOnlyList<StageMark.Output> Files)
{
    public const string FileName = "done.json";

    /// <summary>Names the outputs, whatever they were made of.</summary>
    public string Outputs => ContentHash.OfText(string.Join('\n', Files.Select(f => $"{f.Path} {f.Sha256}")));

    /// <summary>The mark in a folder; null where there is none that can be read.</summary>
    public static StageMark? Read(string folder)
    {
        try
        {
            var json = JsonFile.Read(Path.Combine(folder, FileName));
            return new(
                json["key"]!.GetValue<string>(),
                [.. json["files"]!.AsObject().Select(f => new Output(f.Key, f.Value!["sha256"]!.GetValue<string>(), f.Value["bytes"]!.GetValue<long>()))]);
        }
        catch (Exception e) when (e is ZipLMException or InvalidOperationException or NullReferenceException or FormatException or JsonException)
        {
            return null;
        }
    }

    public void Write(string folder)
    {
        var files = new JsonObject();
        foreach (var file in Files)
        {
            files[file.Path] = new JsonObject { ["sha256"] = file.Sha256, ["bytes"] = file.Bytes };
        }

        JsonFile.Write(Path.Combine(folder, FileName), new() { ["key"] = Key, ["files"] = files });
    }

    /// <summary>One file.</summary>
    internal sealed record Output(string Path, string Sha256, long Bytes);
}
