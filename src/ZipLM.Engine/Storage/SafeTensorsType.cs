using TorchSharp;

namespace ZipLM.Engine.Storage;

/// <summary>The element types that the safetensors format and torch both know.</summary>
internal static class SafeTensorsType
{
    private static readonly (string Name, torch.ScalarType Type, int Bytes)[] Types =
    [
        ("F64", torch.ScalarType.Float64, 8),
        ("F32", torch.ScalarType.Float32, 4),
        ("F16", torch.ScalarType.Float16, 2),
        ("BF16", torch.ScalarType.BFloat16, 2),
        ("I64", torch.ScalarType.Int64, 8),
        ("I32", torch.ScalarType.Int32, 4),
        ("I16", torch.ScalarType.Int16, 2),
        ("I8", torch.ScalarType.Int8, 1),
        ("U8", torch.ScalarType.Byte, 1),
        ("BOOL", torch.ScalarType.Bool, 1),
    ];

    /// <summary>The type that the format calls by this name, or null.</summary>
    public static torch.ScalarType? Parse(string name)
    {
        int index = Array.FindIndex(Types, type => type.Name == name);
        return index < 0 ? null : Types[index].Type;
    }

    /// <summary>The format's name for a type.</summary>
    /// <exception cref="NotSupportedException">The format has none.</exception>
    public static string NameOf(torch.ScalarType type) => Find(type).Name;

    /// <summary>Bytes of one element.</summary>
    /// <exception cref="NotSupportedException">The format has no such type.</exception>
    public static int SizeOf(torch.ScalarType type) => Find(type).Bytes;

    private static (string Name, torch.ScalarType Type, int Bytes) Find(torch.ScalarType type)
    {
        int index = Array.FindIndex(Types, candidate => candidate.Type == type);
        return index < 0 ? throw new NotSupportedException($"safetensors files hold no tensors of type {type}.") : Types[index];
    }
}
