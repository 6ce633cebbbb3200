using System.Globalization;
using TorchSharp;

namespace ZipLM.Engine.Storage;

/// <summary>Writes the weights of a model directory: one safetensors file, or shards with an index when they are too big for one.</summary>
internal static class CheckpointWriter
{
    /// <summary>The size above which Hugging Face starts another file.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    /// <summary>Writes weights into a directory that holds none yet: the one that <see cref="AtomicDirectory"/> is building.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="tensors">The tensors in the order in which they are to be stored.</param>
    /// <param name="cancellationToken">Stops between pieces; the file in work is deleted.</param>
    /// <param name="maximumShardBytes">Most bytes of tensors in one file; a single tensor may be bigger.</param>
    /// <exception cref="ZipLMException"><c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(string directory, IReadOnlyList<(string Name, torch.Tensor Tensor)> tensors, CancellationToken cancellationToken, long maximumShardBytes = DefaultShardBytes)
    {
        List<List<(string Name, torch.Tensor Tensor)>> shards = Split(tensors, maximumShardBytes);
        if (shards.Count == 1)
        {
            SafeTensorsWriter.WriteFile(Path.Combine(directory, Checkpoint.SingleFile), shards[0], SafeTensorsWriter.TorchMetadata, cancellationToken);
            return;
        }

        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < shards.Count; i++)
        {
            string file = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors");
            SafeTensorsWriter.WriteFile(Path.Combine(directory, file), shards[i], SafeTensorsWriter.TorchMetadata, cancellationToken);
            foreach ((string name, _) in shards[i])
                files.Add(name, file);
        }

        new CheckpointIndex(files).Write(Path.Combine(directory, Checkpoint.IndexFile), tensors.Sum(item => SafeTensorsWriter.BytesOf(item.Tensor)));
    }

    private static List<List<(string Name, torch.Tensor Tensor)>> Split(IReadOnlyList<(string Name, torch.Tensor Tensor)> tensors, long maximumBytes)
    {
        var shards = new List<List<(string Name, torch.Tensor Tensor)>> { new() };
        long filled = 0;
        foreach ((string Name, torch.Tensor Tensor) item in tensors)
        {
            long bytes = SafeTensorsWriter.BytesOf(item.Tensor);
            if (filled + bytes > maximumBytes && shards[^1].Count > 0)
            {
                shards.Add([]);
                filled = 0;
            }

            shards[^1].Add(item);
            filled += bytes;
        }

        return shards;
    }
}
