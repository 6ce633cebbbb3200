using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace ZipLM.Engine.Export;

/// <summary>A constant of a graph. Its bytes are made when they are written, so that not all of them are in memory at once.</summary>
/// <param name="Read">The values in row-major order, little-endian.</param>
internal sealed record OnnxTensor(string Name, TensorProto.Types.DataType Type, IReadOnlyList<long> Shape, Func<byte[]> Read)
{
    public long Bytes => Shape.Aggregate(1L, (a, b) => a * b) * (Type switch
    {
        TensorProto.Types.DataType.Int8 => 1,
        TensorProto.Types.DataType.Int64 => 8,
        _ => 4,
    });

    /// <summary>Single precision, whatever the weights are kept in.</summary>
    /// <param name="make">Gives the tensor, which is not kept.</param>
    public static OnnxTensor Float(string name, IReadOnlyList<long> shape, Func<Tensor> make) => new(name, TensorProto.Types.DataType.Float, shape, () =>
    {
        using var scope = NewDisposeScope();
        return make().detach().to(float32).cpu().contiguous().bytes.ToArray();
    });

    /// <summary>A number.</summary>
    public static OnnxTensor Int64(string name, long value) => new(name, TensorProto.Types.DataType.Int64, [], () => BitConverter.GetBytes(value));

    /// <summary>A list of numbers.</summary>
    public static OnnxTensor Int64(string name, long[] values) => new(
        name, TensorProto.Types.DataType.Int64, [values.Length], () => MemoryMarshal.AsBytes<long>(values).ToArray());
}
