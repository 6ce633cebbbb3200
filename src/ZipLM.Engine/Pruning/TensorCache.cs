using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>Tensors that can be computed again, kept within a limit of bytes: the least recently used go first.</summary>
internal sealed class TensorCache<TKey>(long limit) : IDisposable
    where TKey : notnull
{
    private readonly Dictionary<TKey, LinkedListNode<(TKey Key, Tensor Tensor)>> _entries = [];
    private readonly LinkedList<(TKey Key, Tensor Tensor)> _byUse = new();

    /// <summary>Bytes of what is kept.</summary>
    public long Bytes { get; private set; }

    /// <summary>The tensor of this key, or null. The caller owns the handle, not the values: they are not to be changed.</summary>
    public Tensor? Find(TKey key)
    {
        if (!_entries.TryGetValue(key, out var entry))
        {
            return null;
        }

        _byUse.Remove(entry);
        _byUse.AddFirst(entry);
        return entry.Value.Tensor.alias();
    }

    /// <summary>Keeps a tensor, in place of one of the same key; the caller's handle stays the caller's.</summary>
    public void Keep(TKey key, Tensor tensor)
    {
        if (_entries.TryGetValue(key, out var before))
        {
            Remove(before);
        }

        var bytes = SizeOf(tensor);
        if (bytes > limit)
        {
            return;
        }

        while (Bytes + bytes > limit)
        {
            Remove(_byUse.Last!);
        }

        Bytes += bytes;
        _entries.Add(key, _byUse.AddFirst((key, tensor.alias().DetachFromDisposeScope())));
    }

    public void Dispose()
    {
        while (_byUse.Last is { } entry)
        {
            Remove(entry);
        }
    }

    private void Remove(LinkedListNode<(TKey Key, Tensor Tensor)> entry)
    {
        _byUse.Remove(entry);
        _entries.Remove(entry.Value.Key);
        Bytes -= SizeOf(entry.Value.Tensor);
        entry.Value.Tensor.Dispose();
    }

    private static long SizeOf(Tensor tensor) => tensor.numel() * tensor.element_size();
}
