using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using ZipLM.Engine.Data;
using ZipLM.Engine.Storage;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// A teacher's answers on a data set, in half precision in a safetensors file that is mapped into memory. The rows lie in the
/// order in which they were computed, by length; as that does not depend on the order of training, a cache that is made again
/// holds the same bits.
/// </summary>
internal sealed unsafe class TeacherCache : IDisposable
{
    private const int BatchSize = 64;

    private readonly IReadOnlyList<CacheField> _fields;
    private readonly long[] _starts;
    private readonly long[] _rowAt;
    private readonly long[] _tokenAt;
    private readonly int _pairs;
    private readonly string _path;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _data;

    private TeacherCache(string path, IReadOnlyList<CacheField> fields, int pairs, EncodedDataset data)
    {
        (_path, _fields, _pairs) = (path, fields, pairs);
        _starts = Header(fields, data, new Dictionary<string, string>()).Starts;
        (_rowAt, _tokenAt) = Places(data);
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _data = start + 8 + BinaryPrimitives.ReadInt64LittleEndian(new ReadOnlySpan<byte>(start, 8));
    }

    /// <summary>Whether the file goes with this; otherwise it stays for a run that goes on.</summary>
    public bool IsTemporary { get; set; }

    /// <summary>Bytes that a cache takes.</summary>
    public static long Bytes(IReadOnlyList<CacheField> fields, EncodedDataset data) =>
        fields.Sum(f => f.Bytes * (f.IsPerToken ? data.Lengths.Sum(l => (long)l) : data.Examples.Count));

    /// <summary>Opens a cache of the same answers, or asks the teacher and makes one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="origin">What the answers are of: teacher, data, and what else they depend on.</param>
    /// <exception cref="ZipLMException"><c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public static TeacherCache OpenOrMake(
        string path, Teacher teacher, IReadOnlyList<CacheField> fields, int pairs, EncodedDataset data,
        IReadOnlyDictionary<string, string> origin, Device device, IReporter reporter, CancellationToken cancellationToken)
    {
        if (!IsOf(path, origin))
        {
            Make(path, teacher, fields, data, origin, device, reporter, cancellationToken);
        }

        return new(path, fields, pairs, data);
    }

    /// <summary>What is kept of the answer on the rows of a batch, on the host, the caller's to dispose. May run on any thread, and lets torch compute nothing.</summary>
    public IReadOnlyList<Tensor> Read(PaddedRows rows)
    {
        var lengths = Enumerable.Range(0, rows.Count).Select(i => rows.Mask.AsSpan(i * rows.Length, rows.Length).Count(true)).ToList();
        return [.. _fields.Select((f, i) => Read(f, _data + _starts[i], rows, lengths))];
    }

    /// <summary>The answer that this stands for, on a device.</summary>
    /// <param name="kept">Disposed with the answer.</param>
    public TeacherAnswer Answer(IReadOnlyList<Tensor> kept, Device device)
    {
        if (device.type == TorchSharp.DeviceType.CPU)
        {
            return Teacher.FromShort(_fields, kept, _pairs);
        }

        var moved = kept.Select(k => k.to(device)).ToList();
        foreach (var host in kept)
        {
            host.Dispose();
        }

        return Teacher.FromShort(_fields, moved, _pairs);
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
        if (IsTemporary)
        {
            File.Delete(_path);
        }
    }

    private Tensor Read(CacheField field, byte* region, PaddedRows rows, List<int> lengths)
    {
        long[] shape = field.IsPerToken ? [rows.Count, rows.Length, field.Numbers] : [rows.Count, field.Numbers];
        var isHalf = field.Type == ScalarType.Float16;
        var host = empty(shape, isHalf ? ScalarType.Float32 : ScalarType.Int64).DetachFromDisposeScope();
        var bytes = host.bytes;
        // Padding is 0.
        bytes.Clear();
        for (var i = 0; i < rows.Count; i++)
        {
            var row = rows.Rows[i];
            var count = field.Numbers * (field.IsPerToken ? lengths[i] : 1);
            var source = region + (field.Bytes * (field.IsPerToken ? _tokenAt[row] : _rowAt[row]));
            var at = i * (field.IsPerToken ? rows.Length : 1) * field.Numbers;
            if (isHalf)
            {
                TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(source, count), MemoryMarshal.Cast<byte, float>(bytes).Slice(at, count));
            }
            else
            {
                TensorPrimitives.ConvertTruncating(new ReadOnlySpan<int>(source, count), MemoryMarshal.Cast<byte, long>(bytes).Slice(at, count));
            }
        }

        return host;
    }

    private static bool IsOf(string path, IReadOnlyDictionary<string, string> origin)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        try
        {
            using var file = SafeTensorsFile.Open(path);
            return file.Metadata.Count == origin.Count && origin.All(o => file.Metadata.GetValueOrDefault(o.Key) == o.Value);
        }
        catch (ZipLMException)
        {
            // Whatever it is, it can be made again.
            return false;
        }
    }

    private static void Make(
        string path, Teacher teacher, IReadOnlyList<CacheField> fields, EncodedDataset data, IReadOnlyDictionary<string, string> origin,
        Device device, IReporter reporter, CancellationToken cancellationToken)
    {
        var temporary = TemporaryName.Beside(Path.GetFullPath(path), TemporaryName.Unfinished);
        var bytes = Bytes(fields, data);
        var (header, starts) = Header(fields, data, origin);
        WriteFailure.RequireSpace(path, bytes);
        try
        {
            using (var handle = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                RandomAccess.Write(handle, header, 0);
                var ends = starts.Select(s => s + header.Length).ToArray();
                var done = 0;
                foreach (var batch in Batch.Sequential(data, BatchSize, device))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    using var scope = NewDisposeScope();
                    using (batch)
                    {
                        var answers = teacher.AskInShort(batch);
                        for (var i = 0; i < fields.Count; i++)
                        {
                            using var answer = answers[i];
                            var kept = fields[i].IsPerToken && batch.IsPadded ? answer[batch.Mask] : answer;
                            using var stored = kept.to(fields[i].Type).cpu().contiguous();
                            RandomAccess.Write(handle, stored.bytes, ends[i]);
                            ends[i] += stored.numel() * (fields[i].Type == ScalarType.Float16 ? 2 : 4);
                        }

                        done += batch.Rows.Count;
                        reporter.Progress(new("Asking the teacher", $"{done} of {data.Examples.Count} rows", done, data.Examples.Count));
                    }
                }
            }

            File.Move(temporary, path, overwrite: true);
            reporter.Progress(new("Asking the teacher", "done", data.Examples.Count, data.Examples.Count, Completed: true));
        }
        catch (Exception e)
        {
            File.Delete(temporary);
            if (WriteFailure.Explain(e, path, bytes, temporary) is { } error)
            {
                throw error;
            }

            throw;
        }
    }

    /// <summary>The head of the file, and where each field begins behind it.</summary>
    private static (byte[] Header, long[] Starts) Header(IReadOnlyList<CacheField> fields, EncodedDataset data, IReadOnlyDictionary<string, string> origin)
    {
        var json = new JsonObject { ["__metadata__"] = new JsonObject(origin.Select(o => KeyValuePair.Create(o.Key, (JsonNode?)o.Value))) };
        var starts = new long[fields.Count];
        var at = 0L;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            var count = field.IsPerToken ? data.Lengths.Sum(l => (long)l) : data.Examples.Count;
            starts[i] = at;
            json[field.Name] = new JsonObject
            {
                ["dtype"] = field.Type == ScalarType.Float16 ? "F16" : "I32",
                ["shape"] = new JsonArray(count, field.Numbers),
                ["data_offsets"] = new JsonArray(at, at += count * field.Bytes),
            };
        }

        var text = System.Text.Encoding.UTF8.GetBytes(json.ToJsonString());
        var header = new byte[8 + ((text.Length + 7) / 8 * 8)];
        Array.Fill(header, (byte)' ');
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - 8);
        text.CopyTo(header, 8);
        return (header, starts);
    }

    /// <summary>For each row how many rows, and how many tokens, lie before it.</summary>
    private static (long[] Rows, long[] Tokens) Places(EncodedDataset data)
    {
        var (rows, tokens) = (new long[data.Examples.Count], new long[data.Examples.Count]);
        var (row, token) = (0L, 0L);
        foreach (var index in BatchSampler.Sequential(data.Lengths, BatchSize).SelectMany(b => b))
        {
            (rows[index], tokens[index]) = (row++, token);
            token += data.Lengths[index];
        }

        return (rows, tokens);
    }
}
