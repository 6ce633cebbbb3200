using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// A teacher's answers on a data set, in half precision in a safetensors file. The rows lie in the order in which they were
/// computed, by length; as that does not depend on the order of training, a cache that is made again holds the same bits, where
/// memory has room for as many rows at a time.
/// Rows are read by their position and not through a map of the file: the system's cache serves both, but the first touch of a
/// mapped page took 5 µs on a virtual machine (2 ms of a step of 40 with the quickstart's student, in the whole first epoch),
/// and a disk that fails under a map ends the process without an error.
/// </summary>
internal sealed unsafe class TeacherCache : IDisposable
{
    private readonly IReadOnlyList<CacheField> _fields;

    /// <summary>Where each field begins in the file.</summary>
    private readonly long[] _starts;
    private readonly long[] _rowAt;
    private readonly long[] _tokenAt;
    private readonly int _pairs;
    private readonly string _path;
    private readonly FileStream _stream;

    /// <param name="stream">A complete cache; closed with this.</param>
    /// <param name="starts">Where each field begins in it, behind the head.</param>
    private TeacherCache(FileStream stream, long[] starts, IReadOnlyList<CacheField> fields, int pairs, EncodedDataset data)
    {
        (_path, _stream, _fields, _pairs) = (stream.Name, stream, fields, pairs);
        (_rowAt, _tokenAt) = Places(data);
        Span<byte> head = stackalloc byte[8];
        var dataStart = head.Length + BinaryPrimitives.ReadInt64LittleEndian(Read(head, 0));
        _starts = [.. starts.Select(s => dataStart + s)];
    }

    /// <summary>Whether the file goes with this, as a temporary one does anyway; otherwise it stays for a run that goes on.</summary>
    public bool IsDeletedOnDispose { get; set; }

    /// <summary>Bytes that a cache takes.</summary>
    public static long Bytes(IReadOnlyList<CacheField> fields, EncodedDataset data) =>
        fields.Sum(f => f.Bytes * f.Rows(data));

    /// <summary>Whether a file holds these answers, and none else.</summary>
    public static bool Holds(string path, IReadOnlyList<CacheField> fields, EncodedDataset data, IReadOnlyDictionary<string, string> origin) =>
        Starts(path, fields, data, origin) is not null;

    /// <summary>Opens a cache of the same answers, or asks the teacher and makes one; the file stays for a run that goes on.</summary>
    /// <param name="path">The file.</param>
    /// <param name="origin">What the answers are of: teacher, data, and what else they depend on.</param>
    /// <exception cref="ZipLMException"><c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public static TeacherCache OpenOrMake(
        string path, Teacher teacher, IReadOnlyList<CacheField> fields, int pairs, EncodedDataset data,
        IReadOnlyDictionary<string, string> origin, Device device, IReporter reporter, CancellationToken cancellationToken)
    {
        if (Starts(path, fields, data, origin) is not { } starts)
        {
            starts = Make(path, teacher, fields, data, origin, device, reporter, cancellationToken);
        }

        return new(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete), starts, fields, pairs, data);
    }

    /// <summary>Asks the teacher and keeps the answers in a file that goes with this, or with the process however it ends.</summary>
    /// <exception cref="ZipLMException"><c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public static TeacherCache MakeTemporary(
        string directory, Teacher teacher, IReadOnlyList<CacheField> fields, int pairs, EncodedDataset data, Device device, IReporter reporter, CancellationToken cancellationToken)
    {
        var path = Path.Combine(directory, $"ziplm-teacher-{Guid.NewGuid():N}.safetensors");
        FileStream? stream = null;
        try
        {
            stream = new(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, 1, FileOptions.DeleteOnClose);
            if (!OperatingSystem.IsWindows())
            {
                // The name goes at once: not even a kill then leaves the file.
                File.Delete(path);
            }

            var writer = new TeacherCacheWriter(teacher, fields, data, device, reporter, cancellationToken);
            return new(stream, writer.Write(stream, path, new Dictionary<string, string>()), fields, pairs, data);
        }
        catch (Exception e)
        {
            stream?.Dispose();
            if (WriteFailure.Explain(e, path, Bytes(fields, data), path) is { } error)
            {
                throw error;
            }

            throw;
        }
    }

    /// <summary>What is kept of the answer on the rows of a batch, on the host, the caller's to dispose. May run on any thread, and lets torch compute nothing.</summary>
    public IReadOnlyList<Tensor> Read(PaddedRows rows)
    {
        var lengths = Enumerable.Range(0, rows.Count).Select(i => rows.Mask.AsSpan(i * rows.Length, rows.Length).Count(true)).ToList();
        return [.. _fields.Select((f, i) => Read(f, _starts[i], rows, lengths))];
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
        _stream.Dispose();
        if (IsDeletedOnDispose)
        {
            File.Delete(_path);
        }
    }

    /// <param name="start">Where the field begins in the file.</param>
    private Tensor Read(CacheField field, long start, PaddedRows rows, List<int> lengths)
    {
        long[] shape = field.IsPerToken ? [rows.Count, rows.Length, field.Numbers] : [rows.Count, field.Numbers];
        var isHalf = field.Type == ScalarType.Float16;
        var host = empty(shape, field.IsGivenAsStored ? field.Type : isHalf ? ScalarType.Float32 : ScalarType.Int64).DetachFromDisposeScope();
        var perRow = field.Numbers * (field.IsPerToken ? rows.Length : 1);
        var stored = new byte[field.IsGivenAsStored ? 0 : perRow * (isHalf ? sizeof(Half) : sizeof(int))];
        // Of many blocks they are more bytes than a span can have.
        var target = (byte*)HostTensor.Address(host);
        for (var i = 0; i < rows.Count; i++)
        {
            var row = rows.Rows[i];
            var count = field.Numbers * (field.IsPerToken ? lengths[i] : 1);
            var at = start + (field.Bytes * (field.IsPerToken ? _tokenAt[row] : _rowAt[row]));
            // Padding is 0.
            if (field.IsGivenAsStored)
            {
                var halves = new Span<Half>((Half*)target + ((long)i * perRow), perRow);
                Read(MemoryMarshal.AsBytes(halves[..count]), at);
                halves[count..].Clear();
            }
            else if (isHalf)
            {
                var floats = new Span<float>((float*)target + ((long)i * perRow), perRow);
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(Read(stored.AsSpan(0, count * sizeof(Half)), at)), floats);
                floats[count..].Clear();
            }
            else
            {
                var integers = new Span<long>((long*)target + ((long)i * perRow), perRow);
                TensorPrimitives.ConvertTruncating<int, long>(MemoryMarshal.Cast<byte, int>(Read(stored.AsSpan(0, count * sizeof(int)), at)), integers);
                integers[count..].Clear();
            }
        }

        return host;
    }

    private Span<byte> Read(Span<byte> into, long at)
    {
        try
        {
            for (var done = 0; done < into.Length;)
            {
                var count = RandomAccess.Read(_stream.SafeFileHandle, into[done..], at + done);
                done += count > 0 ? count : throw new EndOfStreamException("it was cut off while it was in use.");
            }

            return into;
        }
        catch (IOException e)
        {
            throw CheckpointError.Unreadable(_path, e);
        }
    }

    /// <summary>Where each field begins in a file that holds these answers, and none else; null when it does not.</summary>
    private static long[]? Starts(string path, IReadOnlyList<CacheField> fields, EncodedDataset data, IReadOnlyDictionary<string, string> origin)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using var file = SafeTensorsFile.Open(path);
            var isOf = file.Metadata.Count == origin.Count && origin.All(o => file.Metadata.GetValueOrDefault(o.Key) == o.Value)
                && file.Entries.Count == fields.Count
                && fields.All(f => file.Entries.GetValueOrDefault(f.Name) is { } entry && entry.DType == f.Type && entry.Shape.SequenceEqual([f.Rows(data), f.Numbers]));
            return isOf ? [.. fields.Select(f => file.Entries[f.Name].Begin)] : null;
        }
        catch (ZipLMException)
        {
            // Whatever it is, it can be made again.
            return null;
        }
    }

    private static long[] Make(
        string path, Teacher teacher, IReadOnlyList<CacheField> fields, EncodedDataset data, IReadOnlyDictionary<string, string> origin,
        Device device, IReporter reporter, CancellationToken cancellationToken)
    {
        long[] starts = [];
        var writer = new TeacherCacheWriter(teacher, fields, data, device, reporter, cancellationToken);
        AtomicFile.Write(path, stream => starts = writer.Write((FileStream)stream, path, origin), Bytes(fields, data));
        return starts;
    }

    /// <summary>For each row how many rows, and how many tokens, lie before it.</summary>
    private static (long[] Rows, long[] Tokens) Places(EncodedDataset data)
    {
        var (rows, tokens) = (new long[data.Examples.Count], new long[data.Examples.Count]);
        var (row, token) = (0L, 0L);
        foreach (var index in BatchSampler.Sequential(data.Lengths, TeacherCacheWriter.MostRows).SelectMany(b => b))
        {
            (rows[index], tokens[index]) = (row++, token);
            token += data.Lengths[index];
        }

        return (rows, tokens);
    }
}
