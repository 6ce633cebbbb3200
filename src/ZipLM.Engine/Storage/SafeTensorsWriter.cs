using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using TorchSharp;

namespace ZipLM.Engine.Storage;

/// <summary>Writes safetensors files, byte for byte as the published format describes them.</summary>
internal static class SafeTensorsWriter
{
    /// <summary>A tensor is brought to the CPU in pieces of at most this many bytes: a copy of a whole one may not fit.</summary>
    private const long PieceBytes = 64 << 20;

    /// <summary>What Hugging Face writes into every file of torch tensors, and asks for when it reads one.</summary>
    public static IReadOnlyDictionary<string, string> TorchMetadata { get; } = new Dictionary<string, string> { ["format"] = "pt" };

    /// <summary>Writes a file by way of <see cref="AtomicFile"/>.</summary>
    /// <exception cref="ZipLMException"><c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public static void WriteFile(string path, IReadOnlyList<(string Name, torch.Tensor Tensor)> tensors, IReadOnlyDictionary<string, string> metadata, CancellationToken cancellationToken)
    {
        (string Name, torch.Tensor Tensor)[] ordered = InFileOrder(tensors);
        byte[] header = Header(ordered, metadata);
        long bytes = header.Length + ordered.Sum(item => BytesOf(item.Tensor));
        AtomicFile.Write(path, stream => Write(stream, header, ordered, cancellationToken), bytes);
    }

    /// <summary>
    /// Writes tensors of any device and stride, in the order given; wider types come first where types are mixed, so that
    /// every tensor lies aligned to its element, as readers that map the file need it.
    /// </summary>
    public static void Write(Stream stream, IReadOnlyList<(string Name, torch.Tensor Tensor)> tensors, IReadOnlyDictionary<string, string> metadata, CancellationToken cancellationToken)
    {
        (string Name, torch.Tensor Tensor)[] ordered = InFileOrder(tensors);
        Write(stream, Header(ordered, metadata), ordered, cancellationToken);
    }

    /// <summary>Bytes of a tensor in the file.</summary>
    public static long BytesOf(torch.Tensor tensor) => tensor.numel() * SafeTensorsType.SizeOf(tensor.dtype);

    private static void Write(Stream stream, byte[] header, (string Name, torch.Tensor Tensor)[] tensors, CancellationToken cancellationToken)
    {
        stream.Write(header);
        foreach ((_, torch.Tensor tensor) in tensors)
        {
            using torch.Tensor values = tensor.detach();
            WriteValues(stream, values, cancellationToken);
        }
    }

    // OrderBy is stable: within one type the given order stays.
    private static (string Name, torch.Tensor Tensor)[] InFileOrder(IReadOnlyList<(string Name, torch.Tensor Tensor)> tensors) =>
        [.. tensors.OrderByDescending(item => SafeTensorsType.SizeOf(item.Tensor.dtype))];

    private static byte[] Header((string Name, torch.Tensor Tensor)[] tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        buffer.Advance(Reserve(buffer, SafeTensorsHeader.LengthBytes));
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            WriteHeader(json, tensors, metadata);

        int padding = -buffer.WrittenCount & 7;
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        byte[] header = buffer.WrittenSpan.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - SafeTensorsHeader.LengthBytes);
        return header;
    }

    private static int Reserve(ArrayBufferWriter<byte> buffer, int bytes)
    {
        buffer.GetSpan(bytes)[..bytes].Clear();
        return bytes;
    }

    private static void WriteHeader(Utf8JsonWriter json, (string Name, torch.Tensor Tensor)[] tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { SafeTensorsHeader.MetadataKey };
        json.WriteStartObject();
        if (metadata.Count > 0)
        {
            json.WriteStartObject(SafeTensorsHeader.MetadataKey);
            foreach ((string key, string value) in metadata)
                json.WriteString(key, value);
            json.WriteEndObject();
        }

        long position = 0;
        foreach ((string name, torch.Tensor tensor) in tensors)
        {
            if (!names.Add(name))
                throw new ArgumentException($"Two tensors cannot have the name '{name}'.", nameof(tensors));
            json.WriteStartObject(name);
            json.WriteString("dtype", SafeTensorsType.NameOf(tensor.dtype));
            WriteNumbers(json, "shape", tensor.shape);
            WriteNumbers(json, "data_offsets", position, position += BytesOf(tensor));
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string key, params long[] numbers)
    {
        json.WriteStartArray(key);
        foreach (long number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    // Halves keep the row-major order, whatever the strides, and a piece that is contiguous on the CPU is never copied.
    private static void WriteValues(Stream stream, torch.Tensor values, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (BytesOf(values) <= PieceBytes)
        {
            using torch.Tensor local = values.cpu();
            using torch.Tensor piece = local.contiguous();
            stream.Write(piece.bytes);
            return;
        }

        long rows = values.shape[0];
        if (rows == 1)
        {
            using torch.Tensor inner = values.select(0, 0);
            WriteValues(stream, inner, cancellationToken);
            return;
        }

        using torch.Tensor first = values.narrow(0, 0, rows / 2);
        WriteValues(stream, first, cancellationToken);
        using torch.Tensor second = values.narrow(0, rows / 2, rows - rows / 2);
        WriteValues(stream, second, cancellationToken);
    }
}
