using TorchSharp.Modules;
using ZipLM.Engine.Storage;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>A model's tensors in a checkpoint, found under the names that published checkpoints use.</summary>
internal sealed class CheckpointWeights : IDisposable
{
    private readonly Checkpoint _checkpoint;
    private readonly Dictionary<string, string> _names = [];

    public CheckpointWeights(string directory, Func<string, string?> canonicalName)
    {
        _checkpoint = Checkpoint.Open(directory);
        foreach (var name in _checkpoint.Names)
        {
            if (canonicalName(name) is { } canonical && !_names.TryAdd(canonical, name))
            {
                var other = _names[canonical];
                _checkpoint.Dispose();
                throw new ZipLMException("CheckpointNamesConflict", ErrorKind.InvalidData,
                    $"The checkpoint in '{directory}' holds both '{other}' and '{name}', which are the same weights.",
                    "Get the checkpoint again from where it came from.", directory);
            }
        }
    }

    /// <summary>Shape of a tensor, or null where the checkpoint has none of this name.</summary>
    public long[]? Shape(string name) => _names.TryGetValue(name, out var own) ? _checkpoint.Shape(own) : null;

    public string Hash(CancellationToken cancellationToken) => _checkpoint.Hash(cancellationToken);

    /// <summary>Fails unless every tensor is there in its shape; reads no weight.</summary>
    public void Check(IEnumerable<StoredTensor> tensors)
    {
        foreach (var (name, shape) in tensors.Select(t => (t.Name, t.Shape)))
        {
            if (Shape(name) is not { } found)
            {
                throw new ZipLMException("ModelTensorMissing", ErrorKind.InvalidData,
                    $"The checkpoint in '{_checkpoint.Directory}' has no tensor '{name}', which its config asks for.",
                    "Correct 'architectures' in config.json if the checkpoint has another head, or get the checkpoint again.", _checkpoint.Directory);
            }

            if (!found.SequenceEqual(shape))
            {
                throw new ZipLMException("ModelShapeMismatch", ErrorKind.InvalidData,
                    $"The tensor '{name}' in '{_checkpoint.Directory}' is [{string.Join(", ", found)}], but config.json and ziplm.json make it [{string.Join(", ", shape)}].",
                    "The files are not of the same model: get them again from where they came from.", _checkpoint.Directory);
            }
        }
    }

    /// <summary>Reads the parameters in these tensors to a device; the caller owns them.</summary>
    /// <exception cref="ZipLMException">A weight is NaN or infinite.</exception>
    public Dictionary<string, Parameter> Read(
        IEnumerable<StoredTensor> tensors, Device device, ScalarType type, CancellationToken cancellationToken)
    {
        var weights = new Dictionary<string, Parameter>();
        try
        {
            foreach (var stored in tensors)
            {
                using var scope = NewDisposeScope();
                var (tensor, isFinite) = _checkpoint.ReadChecked(_names[stored.Name], cancellationToken);
                if (!isFinite)
                {
                    throw new ZipLMException("ModelWeightsNotFinite", ErrorKind.InvalidData,
                        $"The tensor '{stored.Name}' in '{_checkpoint.Directory}' holds NaN or infinite weights.",
                        "The checkpoint is damaged or its training diverged: get another one.", _checkpoint.Directory);
                }

                foreach (var (name, values) in stored.Split(tensor))
                {
                    var wanted = values.to(type).to(device);
                    // A whole tensor becomes the parameter itself: a copy would double the memory and the time.
                    weights.Add(name, stored.Parts.Count == 1 ? WeightHolder.Take(wanted) : WeightHolder.Own(wanted));
                }
            }

            return weights;
        }
        catch
        {
            foreach (var weight in weights.Values)
            {
                weight.Dispose();
            }

            throw;
        }
    }

    /// <summary>The tensors of other names than these, as they are, on the CPU; the dispose scope owns them.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> ReadOthers(IEnumerable<string> names, CancellationToken cancellationToken)
    {
        var known = names.ToHashSet(StringComparer.Ordinal);
        return [.. _names.Where(n => !known.Contains(n.Key)).Select(n => (n.Key, _checkpoint.Read(n.Value, cancellationToken)))];
    }

    public void Dispose() => _checkpoint.Dispose();
}
