using System.Buffers.Binary;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using TorchSharp;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Storage;

/// <summary>A safetensors file: opening it reads and checks the header alone; each tensor is read when it is asked for.</summary>
internal sealed class SafeTensorsFile : IDisposable
{
    /// <summary>Bytes that are read at once: few enough to be still in the processor's cache when they are looked at.</summary>
    private const long PieceBytes = 1 << 20;

    /// <summary>More do not make memory faster.</summary>
    private const int MaximumThreads = 8;

    private delegate bool Check(ReadOnlySpan<byte> values, torch.ScalarType type);

    private readonly SafeFileHandle _handle;
    private readonly long _dataStart;
    private readonly SafeTensorsHeader _header;

    private SafeTensorsFile(string path, SafeFileHandle handle)
    {
        Path = path;
        _handle = handle;
        long fileBytes = RandomAccess.GetLength(handle);
        byte[] header = ReadHeader(path, handle, fileBytes);
        _dataStart = SafeTensorsHeader.LengthBytes + header.Length;
        _header = SafeTensorsHeader.Parse(header, fileBytes - _dataStart, path);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The tensors by name, in the header's order.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Entries => _header.Tensors;

    /// <summary>Free text about the file.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="ZipLMException">
    /// <c>CheckpointMissing</c>, <c>CheckpointUnreadable</c>, <c>CheckpointTruncated</c> and the errors of <see cref="SafeTensorsHeader.Parse"/>.
    /// </exception>
    public static SafeTensorsFile Open(string path)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            return new SafeTensorsFile(path, handle);
        }
        catch (Exception e)
        {
            handle?.Dispose();
            if (e is IOException or UnauthorizedAccessException)
                throw CheckpointError.Unreadable(path, e);
            throw;
        }
    }

    /// <summary>Reads one tensor straight into memory of its own, on the CPU; the caller disposes it.</summary>
    /// <exception cref="ZipLMException"><c>CheckpointTruncated</c>, <c>CheckpointUnreadable</c>.</exception>
    /// <exception cref="KeyNotFoundException">No tensor of that name.</exception>
    public torch.Tensor Read(string name, CancellationToken cancellationToken) => Read(name, static (_, _) => true, cancellationToken).Tensor;

    /// <summary>The same, and whether no number in it is NaN or infinite, which costs next to nothing while it is being read.</summary>
    /// <exception cref="ZipLMException"><c>CheckpointTruncated</c>, <c>CheckpointUnreadable</c>.</exception>
    /// <exception cref="KeyNotFoundException">No tensor of that name.</exception>
    public (torch.Tensor Tensor, bool IsFinite) ReadChecked(string name, CancellationToken cancellationToken) =>
        Read(name, FiniteNumbers.Only, cancellationToken);

    /// <summary>Adds the file's whole content to a hash.</summary>
    /// <exception cref="ZipLMException"><c>CheckpointUnreadable</c>.</exception>
    public void AddTo(IncrementalHash hash, byte[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            long offset = 0;
            while (RandomAccess.Read(_handle, buffer, offset) is var read and > 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
                offset += read;
            }
        }
        catch (IOException e)
        {
            throw CheckpointError.Unreadable(Path, e);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _handle.Dispose();

    private static byte[] ReadHeader(string path, SafeFileHandle handle, long fileBytes)
    {
        Span<byte> prefix = stackalloc byte[SafeTensorsHeader.LengthBytes];
        if (!TryRead(handle, prefix, 0))
            throw CheckpointError.Damaged("CheckpointTruncated", path, $"it has {fileBytes} bytes, too few for a header.");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > (ulong)SafeTensorsHeader.MaximumBytes)
            throw CheckpointError.Damaged("CheckpointHeaderInvalid", path, $"its header claims {length} bytes; the format allows {SafeTensorsHeader.MaximumBytes}.");
        if ((long)length > fileBytes - SafeTensorsHeader.LengthBytes)
            throw CheckpointError.Damaged("CheckpointTruncated", path, $"its header claims {length} bytes, but the file has only {fileBytes}.");
        var header = new byte[length];
        if (!TryRead(handle, header, SafeTensorsHeader.LengthBytes))
            throw CheckpointError.Damaged("CheckpointTruncated", path, "it ends within its header.");
        return header;
    }

    private (torch.Tensor Tensor, bool IsFinite) Read(string name, Check check, CancellationToken cancellationToken)
    {
        TensorEntry entry = Entries[name];
        torch.Tensor tensor = torch.empty(entry.Shape, dtype: entry.DType, device: torch.CPU);
        try
        {
            return (tensor, Fill(tensor, entry, check, cancellationToken));
        }
        catch (Exception e)
        {
            tensor.Dispose();
            if (e is IOException or UnauthorizedAccessException)
                throw CheckpointError.Unreadable(Path, e);
            throw;
        }
    }

    /// <summary>Reads in pieces on several threads: one alone spends most of its time on memory that is touched for the first time.</summary>
    private bool Fill(torch.Tensor tensor, TensorEntry entry, Check check, CancellationToken cancellationToken)
    {
        if (entry.Bytes == 0)
            return true;

        nint start = HostTensor.Address(tensor);
        bool isFinite = true;
        int pieces = (int)((entry.Bytes + PieceBytes - 1) / PieceBytes);
        var options = new ParallelOptions { CancellationToken = cancellationToken, MaxDegreeOfParallelism = MaximumThreads };
        try
        {
            Parallel.For(0, pieces, options, piece =>
            {
                long offset = piece * PieceBytes;
                Span<byte> target = Memory(start, offset, (int)Math.Min(PieceBytes, entry.Bytes - offset));
                if (!TryRead(_handle, target, _dataStart + entry.Begin + offset))
                    throw CheckpointError.Damaged("CheckpointTruncated", Path, $"it ends within tensor '{entry.Name}'; it was changed since it was opened.");
                if (!check(target, entry.DType))
                    Volatile.Write(ref isFinite, false);
            });
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        return isFinite;
    }

    private static unsafe Span<byte> Memory(nint start, long offset, int length) => new((byte*)start + offset, length);

    private static bool TryRead(SafeFileHandle handle, Span<byte> target, long offset)
    {
        while (!target.IsEmpty)
        {
            int read = RandomAccess.Read(handle, target, offset);
            if (read == 0)
                return false;
            target = target[read..];
            offset += read;
        }

        return true;
    }
}
