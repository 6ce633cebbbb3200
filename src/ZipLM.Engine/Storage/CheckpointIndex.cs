using System.Text.Json;
using System.Text.Json.Nodes;

namespace ZipLM.Engine.Storage;

/// <summary>The index of a checkpoint in several files: which tensor lies in which shard.</summary>
/// <param name="Files">File name of the shard by tensor name.</param>
internal sealed record CheckpointIndex(IReadOnlyDictionary<string, string> Files)
{
    /// <summary>Reads an index; shards are names in the index's own directory, never paths.</summary>
    /// <exception cref="ZipLMException"><c>CheckpointIndexInvalid</c>, <c>CheckpointPathTraversal</c>, <c>JsonInvalid</c>.</exception>
    public static CheckpointIndex Read(string path)
    {
        if (JsonFile.Read(path)["weight_map"] is not JsonObject map)
            throw CheckpointError.Damaged("CheckpointIndexInvalid", path, "it has no weight_map.");
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string tensor, JsonNode? file) in map)
        {
            if (file?.GetValueKind() != JsonValueKind.String)
                throw CheckpointError.Damaged("CheckpointIndexInvalid", path, $"its weight_map gives no file for tensor '{tensor}'.");
            string name = file.GetValue<string>();
            if (!IsPlainFileName(name))
                throw CheckpointError.Damaged("CheckpointPathTraversal", path, $"tensor '{tensor}' points to '{name}', which is not a file name in the same directory.");
            files.Add(tensor, name);
        }

        return new CheckpointIndex(files);
    }

    /// <summary>Writes an index as Hugging Face does.</summary>
    /// <param name="path">The index file.</param>
    /// <param name="totalBytes">Bytes of all tensors.</param>
    public void Write(string path, long totalBytes)
    {
        var map = new JsonObject();
        foreach ((string tensor, string file) in Files.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            map[tensor] = file;
        JsonFile.Write(path, new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = totalBytes }, ["weight_map"] = map });
    }

    // Backslash and colon too, on every system: what one machine wrote, another reads.
    private static bool IsPlainFileName(string name) =>
        name.Length > 0 && name is not ("." or "..") && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
