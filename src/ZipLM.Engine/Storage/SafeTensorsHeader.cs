using System.Text.Json;
using TorchSharp;

namespace ZipLM.Engine.Storage;

/// <summary>
/// The header of a safetensors file, checked in full: what passes here can be read without looking at anything twice.
/// The format: 8 bytes little-endian header length, a JSON object padded with spaces, then the tensors' bytes, back to
/// back from the end of the header to the end of the file.
/// </summary>
/// <param name="Tensors">The tensors by name, in the header's order.</param>
/// <param name="Metadata">Free text about the file.</param>
internal sealed record SafeTensorsHeader(IReadOnlyDictionary<string, TensorEntry> Tensors, IReadOnlyDictionary<string, string> Metadata)
{
    /// <summary>Bytes of the header's length.</summary>
    public const int LengthBytes = 8;

    /// <summary>The longest header that the format allows.</summary>
    public const long MaximumBytes = 100_000_000;

    /// <summary>The one key of the header that names no tensor.</summary>
    public const string MetadataKey = "__metadata__";

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>Parses and checks a header.</summary>
    /// <param name="json">The header without its length.</param>
    /// <param name="dataBytes">Bytes of the file after the header.</param>
    /// <param name="file">The file, for errors.</param>
    /// <exception cref="ZipLMException">
    /// <c>CheckpointHeaderInvalid</c>, <c>CheckpointTypeUnknown</c>, <c>CheckpointSizeMismatch</c>, <c>CheckpointTruncated</c>,
    /// <c>CheckpointTensorsOverlap</c>, <c>CheckpointGap</c>.
    /// </exception>
    public static SafeTensorsHeader Parse(ReadOnlyMemory<byte> json, long dataBytes, string file)
    {
        try
        {
            if (json.IsEmpty || json.Span[0] != '{')
                throw Invalid(file, "its header is not a JSON object.");
            using var document = JsonDocument.Parse(json, Strict);
            var tensors = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
            var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (property.NameEquals(MetadataKey))
                    ReadMetadata(property.Value, metadata, file);
                else
                    tensors.Add(property.Name, ReadEntry(property.Name, property.Value, dataBytes, file));
            }

            CheckLayout(tensors.Values, dataBytes, file);
            return new SafeTensorsHeader(tensors, metadata);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: text that is not valid UTF-8, or half a surrogate pair.
            throw CheckpointError.Damaged("CheckpointHeaderInvalid", file, $"its header is not valid JSON: {e.Message}", e);
        }
    }

    private static void ReadMetadata(JsonElement element, Dictionary<string, string> metadata, string file)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Invalid(file, $"{MetadataKey} is not an object.");
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.String)
                throw Invalid(file, $"{MetadataKey} holds '{property.Name}', which is not text.");
            metadata.Add(property.Name, property.Value.GetString()!);
        }
    }

    private static TensorEntry ReadEntry(string name, JsonElement element, long dataBytes, string file)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Invalid(file, $"tensor '{name}' has no description.");
        if (!element.TryGetProperty("dtype", out JsonElement type) || type.ValueKind != JsonValueKind.String)
            throw Invalid(file, $"tensor '{name}' has no dtype.");
        if (SafeTensorsType.Parse(type.GetString()!) is not { } dtype)
            throw CheckpointError.Damaged("CheckpointTypeUnknown", file, $"tensor '{name}' has the type {type.GetString()}, which is not supported.");
        long[] shape = ReadNumbers(name, element, "shape", file);
        if (ReadNumbers(name, element, "data_offsets", file) is not [var begin, var end] || end < begin)
            throw Invalid(file, $"tensor '{name}' has data_offsets that are not a begin and an end.");
        if (end > dataBytes)
            throw CheckpointError.Damaged("CheckpointTruncated", file, $"tensor '{name}' ends at byte {end} of the data, but the file has only {dataBytes}.");
        if (SizeOf(shape, dtype) is not { } size)
            throw CheckpointError.Damaged("CheckpointSizeMismatch", file, $"tensor '{name}' has the impossible shape [{string.Join(", ", shape)}].");
        if (size != end - begin)
        {
            throw CheckpointError.Damaged(
                "CheckpointSizeMismatch",
                file,
                $"tensor '{name}' of shape [{string.Join(", ", shape)}] and type {type.GetString()} needs {size} bytes, but its data_offsets span {end - begin}.");
        }

        return new TensorEntry(name, dtype, shape, begin, end);
    }

    private static long[] ReadNumbers(string name, JsonElement element, string key, string file)
    {
        if (!element.TryGetProperty(key, out JsonElement list) || list.ValueKind != JsonValueKind.Array)
            throw Invalid(file, $"tensor '{name}' has no {key}.");
        var numbers = new long[list.GetArrayLength()];
        for (int i = 0; i < numbers.Length; i++)
        {
            if (list[i].ValueKind != JsonValueKind.Number || !list[i].TryGetInt64(out numbers[i]) || numbers[i] < 0)
                throw Invalid(file, $"tensor '{name}' has '{list[i]}' in its {key}, where a whole number of at least 0 is needed.");
        }

        return numbers;
    }

    /// <summary>Bytes of a tensor, or null when the product does not fit, empty dimensions left out (torch computes strides without them).</summary>
    private static long? SizeOf(long[] shape, torch.ScalarType type)
    {
        Int128 size = SafeTensorsType.SizeOf(type);
        foreach (long dimension in shape)
        {
            size *= Math.Max(dimension, 1);
            if (size > long.MaxValue)
                return null;
        }

        return shape.Contains(0) ? 0 : (long)size;
    }

    private static void CheckLayout(IEnumerable<TensorEntry> tensors, long dataBytes, string file)
    {
        long position = 0;
        string? previous = null;
        foreach (TensorEntry tensor in tensors.OrderBy(tensor => tensor.Begin).ThenBy(tensor => tensor.End))
        {
            if (tensor.Begin < position)
                throw CheckpointError.Damaged("CheckpointTensorsOverlap", file, $"the tensors '{previous}' and '{tensor.Name}' overlap.");
            if (tensor.Begin > position)
                throw CheckpointError.Damaged("CheckpointGap", file, $"{tensor.Begin - position} bytes before tensor '{tensor.Name}' belong to no tensor.");
            position = tensor.End;
            previous = tensor.Name;
        }

        if (position < dataBytes)
            throw CheckpointError.Damaged("CheckpointGap", file, $"{dataBytes - position} bytes at its end belong to no tensor.");
    }

    private static ZipLMException Invalid(string file, string reason) => CheckpointError.Damaged("CheckpointHeaderInvalid", file, reason);
}
