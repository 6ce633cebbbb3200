using System.Security.Cryptography;
using TorchSharp;

namespace ZipLM.Engine.Storage;

/// <summary>The weights in a model directory: one safetensors file, or shards with an index. Opening it reads headers only.</summary>
internal sealed class Checkpoint : IDisposable
{
    /// <summary>The weights in one file.</summary>
    public const string SingleFile = "model.safetensors";

    /// <summary>The index of weights in several files.</summary>
    public const string IndexFile = "model.safetensors.index.json";

    private readonly SafeTensorsFile[] _files;
    private readonly Dictionary<string, SafeTensorsFile> _fileOf;

    private Checkpoint(string directory, SafeTensorsFile[] files, Dictionary<string, SafeTensorsFile> fileOf)
    {
        Directory = directory;
        _files = files;
        _fileOf = fileOf;
        TotalBytes = files.Sum(file => file.Entries.Values.Sum(entry => entry.Bytes));
    }

    /// <summary>The model directory.</summary>
    public string Directory { get; }

    /// <summary>Names of the tensors.</summary>
    public IReadOnlyCollection<string> Names => _fileOf.Keys;

    /// <summary>Bytes of all tensors.</summary>
    public long TotalBytes { get; }

    /// <summary>Opens the weights in a directory.</summary>
    /// <exception cref="ZipLMException">
    /// <c>CheckpointMissing</c>, <c>CheckpointPickle</c>, <c>CheckpointShardMissing</c>, <c>CheckpointTensorMissing</c>,
    /// <c>CheckpointTensorUnlisted</c>, and the errors of <see cref="CheckpointIndex.Read"/> and <see cref="SafeTensorsFile.Open"/>.
    /// </exception>
    public static Checkpoint Open(string directory)
    {
        string single = Path.Combine(directory, SingleFile);
        if (File.Exists(single))
        {
            SafeTensorsFile file = SafeTensorsFile.Open(single);
            return new Checkpoint(directory, [file], file.Entries.Keys.ToDictionary(name => name, _ => file, StringComparer.Ordinal));
        }

        string index = Path.Combine(directory, IndexFile);
        return File.Exists(index) ? OpenShards(directory, index) : throw NoWeights(directory);
    }

    /// <summary>Whether there is a tensor of this name.</summary>
    public bool Contains(string name) => _fileOf.ContainsKey(name);

    /// <summary>Dimensions of a tensor.</summary>
    /// <exception cref="KeyNotFoundException">No tensor of that name.</exception>
    public long[] Shape(string name) => _fileOf[name].Entries[name].Shape;

    /// <summary>Element type of a tensor.</summary>
    /// <exception cref="KeyNotFoundException">No tensor of that name.</exception>
    public torch.ScalarType DType(string name) => _fileOf[name].Entries[name].DType;

    /// <summary>Reads one tensor into memory of its own, on the CPU; the caller disposes it.</summary>
    /// <exception cref="ZipLMException"><c>CheckpointTruncated</c>, <c>CheckpointUnreadable</c>.</exception>
    /// <exception cref="KeyNotFoundException">No tensor of that name.</exception>
    public torch.Tensor Read(string name, CancellationToken cancellationToken) => _fileOf[name].Read(name, cancellationToken);

    /// <summary>The same, and whether no number in it is NaN or infinite.</summary>
    /// <exception cref="ZipLMException"><c>CheckpointTruncated</c>, <c>CheckpointUnreadable</c>.</exception>
    /// <exception cref="KeyNotFoundException">No tensor of that name.</exception>
    public (torch.Tensor Tensor, bool IsFinite) ReadChecked(string name, CancellationToken cancellationToken) =>
        _fileOf[name].ReadChecked(name, cancellationToken);

    /// <summary>SHA-256, in lower-case hex, of the contents of the weights files one after the other, by file name.</summary>
    /// <exception cref="ZipLMException"><c>CheckpointUnreadable</c>.</exception>
    public string Hash(CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        foreach (SafeTensorsFile file in _files)
            file.AddTo(hash, buffer, cancellationToken);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (SafeTensorsFile file in _files)
            file.Dispose();
    }

    private static Checkpoint OpenShards(string directory, string indexPath)
    {
        CheckpointIndex index = CheckpointIndex.Read(indexPath);
        var files = new SortedDictionary<string, SafeTensorsFile>(StringComparer.Ordinal);
        try
        {
            foreach (string name in index.Files.Values.Distinct(StringComparer.Ordinal))
            {
                string path = Path.Combine(directory, name);
                if (!File.Exists(path))
                    throw CheckpointError.Damaged("CheckpointShardMissing", indexPath, $"the shard '{name}' that it names is not there.");
                files.Add(name, SafeTensorsFile.Open(path));
            }

            CheckIndex(index, indexPath, files);
            return new Checkpoint(directory, [.. files.Values], index.Files.ToDictionary(pair => pair.Key, pair => files[pair.Value], StringComparer.Ordinal));
        }
        catch
        {
            foreach (SafeTensorsFile file in files.Values)
                file.Dispose();
            throw;
        }
    }

    private static void CheckIndex(CheckpointIndex index, string indexPath, SortedDictionary<string, SafeTensorsFile> files)
    {
        foreach ((string tensor, string file) in index.Files)
        {
            if (!files[file].Entries.ContainsKey(tensor))
                throw CheckpointError.Damaged("CheckpointTensorMissing", indexPath, $"tensor '{tensor}' is not in '{file}', where the index puts it.");
        }

        foreach ((string file, SafeTensorsFile shard) in files)
        {
            foreach (string tensor in shard.Entries.Keys)
            {
                if (!index.Files.TryGetValue(tensor, out string? listed) || listed != file)
                    throw CheckpointError.Damaged("CheckpointTensorUnlisted", indexPath, $"tensor '{tensor}' of '{file}' is not in the index.");
            }
        }
    }

    private static ZipLMException NoWeights(string directory)
    {
        string[] pickles = System.IO.Directory.Exists(directory) ? System.IO.Directory.GetFiles(directory, "pytorch_model*.bin") : [];
        if (pickles.Length > 0)
        {
            return new ZipLMException(
                "CheckpointPickle",
                ErrorKind.InvalidData,
                $"'{directory}' holds its weights as a pickle ({Path.GetFileName(pickles[0])}) only. Opening a pickle can run any code, so it is never read.",
                "Convert it once, in Python: from transformers import AutoModel; AutoModel.from_pretrained('DIRECTORY').save_pretrained('NEW DIRECTORY', safe_serialization=True), with the class that has the model's head in place of AutoModel. Or take the repository's safetensors revision from the hub.",
                directory);
        }

        return new ZipLMException(
            "CheckpointMissing",
            ErrorKind.NotFound,
            $"'{directory}' holds no weights: neither {SingleFile} nor {IndexFile}.",
            "Give a model directory in Hugging Face layout, or download the model again.",
            directory);
    }
}
