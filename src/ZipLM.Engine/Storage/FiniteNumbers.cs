using System.Numerics;
using System.Runtime.InteropServices;
using TorchSharp;

namespace ZipLM.Engine.Storage;

/// <summary>Looks for NaN and infinity in the bytes of a tensor: numbers whose exponent is all ones.</summary>
internal static class FiniteNumbers
{
    /// <summary>Whether there is neither; integers are always finite.</summary>
    public static bool Only(ReadOnlySpan<byte> values, torch.ScalarType type) => type switch
    {
        torch.ScalarType.Float64 => None<ulong>(MemoryMarshal.Cast<byte, ulong>(values), 0x7FF0_0000_0000_0000),
        torch.ScalarType.Float32 => None<uint>(MemoryMarshal.Cast<byte, uint>(values), 0x7F80_0000),
        torch.ScalarType.Float16 => None<ushort>(MemoryMarshal.Cast<byte, ushort>(values), 0x7C00),
        torch.ScalarType.BFloat16 => None<ushort>(MemoryMarshal.Cast<byte, ushort>(values), 0x7F80),
        _ => true,
    };

    private static bool None<T>(ReadOnlySpan<T> bits, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        ReadOnlySpan<Vector<T>> vectors = MemoryMarshal.Cast<T, Vector<T>>(bits);
        var mask = new Vector<T>(exponent);
        foreach (Vector<T> vector in vectors)
        {
            if (Vector.EqualsAny(vector & mask, mask))
                return false;
        }

        foreach (T value in bits[(vectors.Length * Vector<T>.Count)..])
        {
            if ((value & exponent) == exponent)
                return false;
        }

        return true;
    }
}
