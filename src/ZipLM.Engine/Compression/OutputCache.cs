using static TorchSharp.torch;

namespace ZipLM.Engine.Compression;

/// <summary>Outputs behind the first sublayers of plans, by batch and by what those sublayers are, as far as there is room.</summary>
/// <param name="bytes">What does not fit is not kept: of a plan that is evaluated part by part, the first parts come first, which most plans are evaluated on.</param>
internal sealed class OutputCache(long bytes) : IDisposable
{
    private readonly Dictionary<(int Batch, string Prefix), Tensor> _outputs = [];
    private long _bytes;

    public bool Has(int batch, string prefix) => _outputs.ContainsKey((batch, prefix));

    /// <summary>An output, as a tensor of the caller's dispose scope.</summary>
    public Tensor Get(int batch, string prefix) => _outputs[(batch, prefix)].alias();

    /// <summary>Keeps an output where there is room and none yet.</summary>
    /// <param name="output">It stays the caller's; its memory is its own, since it is freed only with all of it.</param>
    public void Add(int batch, string prefix, Tensor output)
    {
        if (_bytes + Bytes(output) <= bytes && !_outputs.ContainsKey((batch, prefix)))
        {
            _bytes += Bytes(output);
            _outputs.Add((batch, prefix), output.alias().DetachFromDisposeScope());
        }
    }

    /// <summary>Frees all but the outputs behind some prefixes.</summary>
    public void KeepOnly(IReadOnlySet<string> prefixes)
    {
        foreach (var key in _outputs.Keys.Where(key => !prefixes.Contains(key.Prefix)).ToList())
        {
            _outputs.Remove(key, out var output);
            _bytes -= Bytes(output!);
            output!.Dispose();
        }
    }

    public void Dispose() => KeepOnly(new HashSet<string>());

    private static long Bytes(Tensor tensor) => tensor.numel() * tensor.element_size();
}
