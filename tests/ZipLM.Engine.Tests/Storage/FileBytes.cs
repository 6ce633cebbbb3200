using System.Buffers.Binary;
using System.Text;

namespace ZipLM.Engine.Tests.Storage;

/// <summary>Safetensors files put together by hand from the published description, without the code under test.</summary>
internal static class FileBytes
{
    /// <summary>Header length, header, data.</summary>
    public static byte[] Of(string header, params byte[] data) => Of(header, Encoding.UTF8.GetByteCount(header), data);

    /// <summary>The same with a header length that may lie.</summary>
    public static byte[] Of(string header, long claimedLength, byte[] data)
    {
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, claimedLength);
        return [.. length, .. Encoding.UTF8.GetBytes(header), .. data];
    }

    /// <summary>One tensor's part of a header.</summary>
    public static string Tensor(string name, string dtype, string shape, long begin, long end) =>
        $$"""
        "{{name}}":{"dtype":"{{dtype}}","shape":[{{shape}}],"data_offsets":[{{begin}},{{end}}]}
        """;
}
