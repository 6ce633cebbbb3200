using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>A tensor as a checkpoint stores it, and the parameters that are cut out of it.</summary>
/// <param name="Name">Its canonical name in a checkpoint.</param>
/// <param name="Parts">The parameters, which lie one after the other along their outputs.</param>
/// <param name="Transposed">Stored as [inputs, outputs], where parameters are [outputs, inputs].</param>
internal sealed record StoredTensor(string Name, IReadOnlyList<(string Name, long[] Shape)> Parts, bool Transposed = false)
{
    public long[] Shape
    {
        get
        {
            long[] joined = [Parts.Sum(p => p.Shape[0]), .. Parts[0].Shape[1..]];
            return Transposed ? [.. joined.Reverse()] : joined;
        }
    }

    /// <summary>The parameters' values in a stored tensor; views where that can be.</summary>
    public IEnumerable<(string Name, Tensor Values)> Split(Tensor stored)
    {
        var rows = Transposed ? stored.t() : stored;
        var start = 0L;
        foreach (var (name, shape) in Parts)
        {
            yield return (name, rows.narrow(0, start, shape[0]).contiguous());
            start += shape[0];
        }
    }

    /// <summary>The tensor to store; a view where that can be.</summary>
    public Tensor Join(IReadOnlyDictionary<string, Parameter> parameters)
    {
        Tensor joined = Parts.Count == 1 ? parameters[Parts[0].Name] : cat([.. Parts.Select(p => parameters[p.Name])]);
        return Transposed ? joined.t() : joined;
    }
}
