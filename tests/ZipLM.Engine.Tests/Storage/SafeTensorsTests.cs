using System.Buffers.Binary;
using System.Text;
using TorchSharp;
using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

/// <summary>Tensors to bytes and back.</summary>
public sealed class SafeTensorsTests : IDisposable
{
    private const string Alphabet = "0123456789,{}[]\":\\ -.eE";

    private static readonly CancellationToken None = CancellationToken.None;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<torch.ScalarType, long[]> TypesAndShapes()
    {
        var cases = new TheoryData<torch.ScalarType, long[]>();
        torch.ScalarType[] types =
        [
            torch.ScalarType.Float64, torch.ScalarType.Float32, torch.ScalarType.Float16, torch.ScalarType.BFloat16, torch.ScalarType.Int64,
            torch.ScalarType.Int32, torch.ScalarType.Int16, torch.ScalarType.Int8, torch.ScalarType.Byte, torch.ScalarType.Bool,
        ];
        foreach (torch.ScalarType type in types)
        {
            foreach (long[] shape in new long[][] { [], [1], [0], [3, 0, 2], [5], [3, 4], [2, 3, 1, 2] })
                cases.Add(type, shape);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(TypesAndShapes))]
    public void EveryBitComesBack(torch.ScalarType type, long[] shape)
    {
        using torch.Tensor first = RandomBits(type, shape, seed: 1);
        using torch.Tensor second = RandomBits(type, shape, seed: 2);
        string path = _folder["file.safetensors"];
        SafeTensorsWriter.WriteFile(path, [("first", first), ("second", second)], SafeTensorsWriter.TorchMetadata, None);

        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        Assert.Equal(["first", "second"], file.Entries.Keys);
        foreach ((string name, torch.Tensor expected) in new[] { ("first", first), ("second", second) })
        {
            using torch.Tensor actual = file.Read(name, None);
            Assert.Equal(type, actual.dtype);
            Assert.Equal(shape, actual.shape);
            Assert.Equal(expected.bytes.ToArray(), actual.bytes.ToArray());
        }
    }

    [Fact]
    public void WritesExactlyThePublishedFormat()
    {
        using torch.Tensor bias = torch.tensor(new short[] { 1, -2, 3 });
        using torch.Tensor weight = torch.tensor(new float[] { 1, 2, 3, 4, 5, 6 }).reshape(2, 3);
        using torch.Tensor scale = torch.tensor(0.5f);

        // 2-byte elements come last, so that the 4-byte ones lie aligned.
        string header = """{"__metadata__":{"format":"pt"},"é.\"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"scale":{"dtype":"F32","shape":[],"data_offsets":[24,28]},"bias":{"dtype":"I16","shape":[3],"data_offsets":[28,34]}}""";
        while (Encoding.UTF8.GetByteCount(header) % 8 != 0)
            header += " ";
        var data = new byte[34];
        for (int i = 0; i < 6; i++)
            BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(4 * i), i + 1);
        BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(24), 0.5f);
        new byte[] { 1, 0, 0xFE, 0xFF, 3, 0 }.CopyTo(data, 28);

        using var stream = new MemoryStream();
        SafeTensorsWriter.Write(stream, [("bias", bias), ("é.\"weight", weight), ("scale", scale)], SafeTensorsWriter.TorchMetadata, None);
        Assert.Equal(FileBytes.Of(header, data), stream.ToArray());
    }

    [Fact]
    public void WritingWhatWasReadGivesTheSameFile()
    {
        byte[] original = FileBytes.Of("""{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}} """, [1, 2, 3, 4, 5, 6, 7, 8]);
        Assert.Equal(0, (original.Length - 8) % 8);
        using SafeTensorsFile file = SafeTensorsFile.Open(_folder.Write("file.safetensors", original));
        using torch.Tensor tensor = file.Read("w", None);
        using var stream = new MemoryStream();
        SafeTensorsWriter.Write(stream, [("w", tensor)], file.Metadata, None);
        Assert.Equal(original, stream.ToArray());
    }

    [Fact]
    public void StridedTensorsAreWrittenRowByRow()
    {
        using torch.Tensor numbers = torch.arange(24, dtype: torch.ScalarType.Int32).reshape(2, 3, 4);
        using torch.Tensor permuted = numbers.permute(2, 0, 1);
        using torch.Tensor part = numbers[torch.TensorIndex.Colon, torch.TensorIndex.Slice(1, 3), torch.TensorIndex.Slice(step: 2)];
        using torch.Tensor row = torch.arange(3, dtype: torch.ScalarType.Int32);
        using torch.Tensor expanded = row.expand(2, 3);

        string path = _folder["file.safetensors"];
        SafeTensorsWriter.WriteFile(path, [("permuted", permuted), ("part", part), ("expanded", expanded)], SafeTensorsWriter.TorchMetadata, None);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        Assert.Equal([4L, 2L, 3L], file.Entries["permuted"].Shape);
        Assert.Equal(
            from k in Enumerable.Range(0, 4) from i in Enumerable.Range(0, 2) from j in Enumerable.Range(0, 3) select 12 * i + 4 * j + k,
            Ints(file, "permuted"));
        Assert.Equal([4, 6, 8, 10, 16, 18, 20, 22], Ints(file, "part"));
        Assert.Equal([0, 1, 2, 0, 1, 2], Ints(file, "expanded"));
    }

    [Fact]
    public void TensorsOfSeveralPiecesComeBack()
    {
        // 72 MB, more than one piece, in both directions; transposed, so that no piece is contiguous in memory.
        const int rows = 6000, columns = 3000;
        using torch.Tensor numbers = torch.arange(rows * columns, dtype: torch.ScalarType.Int32).reshape(rows, columns);
        using torch.Tensor transposed = numbers.t();
        string path = _folder["big.safetensors"];
        SafeTensorsWriter.WriteFile(path, [("t", transposed.unsqueeze(0)), ("plain", numbers)], SafeTensorsWriter.TorchMetadata, None);

        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        int[] values = Ints(file, "t");
        for (int column = 0; column < columns; column += 7)
        {
            for (int row = 0; row < rows; row += 11)
            {
                if (values[column * rows + row] != row * columns + column)
                    Assert.Fail($"Element ({column}, {row}) is {values[column * rows + row]}.");
            }
        }

        Assert.True(Ints(file, "plain").AsSpan().SequenceEqual(Enumerable.Range(0, rows * columns).ToArray()), "The contiguous tensor came back changed.");
    }

    [Fact]
    public void ParametersWithGradientsAreWritten()
    {
        using torch.Tensor parameter = torch.ones(2, requires_grad: true);
        using var stream = new MemoryStream();
        SafeTensorsWriter.Write(stream, [("p", parameter)], SafeTensorsWriter.TorchMetadata, None);
        Assert.Equal([0, 0, 128, 63, 0, 0, 128, 63], stream.ToArray()[^8..]);
    }

    [Fact]
    public void AFileThatShrinksAfterOpeningIsTruncated()
    {
        string path = _folder.Write("file.safetensors", FileBytes.Of($"{{{FileBytes.Tensor("t", "U8", "8", 0, 8)}}}", new byte[8]));
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        using (FileStream stream = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            stream.SetLength(stream.Length - 1);
        ZipLMException error = Assert.Throws<ZipLMException>(() => file.Read("t", None));
        Assert.Equal("ZipLM.CheckpointTruncated", error.ErrorId);
        Assert.Contains("'t'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CancellingStopsBothWaysAndLeavesNoFile()
    {
        using torch.Tensor tensor = torch.ones(3);
        var cancelled = new CancellationToken(canceled: true);
        Assert.ThrowsAny<OperationCanceledException>(() => SafeTensorsWriter.WriteFile(_folder["none.safetensors"], [("t", tensor)], SafeTensorsWriter.TorchMetadata, cancelled));
        Assert.Empty(_folder.Entries());

        SafeTensorsWriter.WriteFile(_folder["file.safetensors"], [("t", tensor)], SafeTensorsWriter.TorchMetadata, None);
        using SafeTensorsFile file = SafeTensorsFile.Open(_folder["file.safetensors"]);
        Assert.ThrowsAny<OperationCanceledException>(() => file.Read("t", cancelled));
    }

    [Fact]
    public void NamesMustBeUniqueAndTypesKnown()
    {
        using torch.Tensor tensor = torch.ones(1);
        using torch.Tensor complex = torch.ones(1, dtype: torch.ScalarType.ComplexFloat32);
        Assert.Throws<ArgumentException>(() => SafeTensorsWriter.Write(new MemoryStream(), [("t", tensor), ("t", tensor)], SafeTensorsWriter.TorchMetadata, None));
        Assert.Throws<ArgumentException>(() => SafeTensorsWriter.Write(new MemoryStream(), [("__metadata__", tensor)], SafeTensorsWriter.TorchMetadata, None));
        Assert.Throws<NotSupportedException>(() => SafeTensorsWriter.Write(new MemoryStream(), [("t", complex)], SafeTensorsWriter.TorchMetadata, None));
    }

    [Fact]
    public void TwoThousandDamagedFilesGiveAnErrorOrTheirOwnBytes()
    {
        var random = new Random(20231);
        string header = $"{{\"__metadata__\":{{\"format\":\"pt\"}},{FileBytes.Tensor("a", "F32", "20,3", 0, 240)},{FileBytes.Tensor("b", "BF16", "4", 240, 248)},{FileBytes.Tensor("c", "BOOL", "", 248, 249)}}}";
        byte[] valid = FileBytes.Of(header, [.. Enumerable.Range(0, 248).Select(i => (byte)i), 1]);
        int refused = 0, read = 0;
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = Mutate(valid, random);
            string path = _folder.Write("fuzz.safetensors", bytes);
            try
            {
                using SafeTensorsFile file = SafeTensorsFile.Open(path);
                int start = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
                foreach (TensorEntry entry in file.Entries.Values)
                {
                    using torch.Tensor tensor = file.Read(entry.Name, None);
                    Assert.Equal(entry.Shape, tensor.shape);
                    Assert.Equal(bytes[(start + (int)entry.Begin)..(start + (int)entry.End)], tensor.bytes.ToArray());
                }

                read++;
            }
            catch (ZipLMException e)
            {
                Assert.StartsWith("ZipLM.Checkpoint", e.ErrorId, StringComparison.Ordinal);
                refused++;
            }
        }

        // Both must happen often, or the mutations test nothing.
        Assert.True(refused > 500 && read > 200, $"{refused} refused, {read} read");
    }

    private static byte[] Mutate(byte[] valid, Random random)
    {
        var bytes = new List<byte>(valid);
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] = (byte)Alphabet[random.Next(Alphabet.Length)]; break;
                case 2: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 3: bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)); break;
                case 4: bytes.InsertRange(at, bytes.Skip(random.Next(bytes.Count)).Take(random.Next(1, 9)).ToArray()); break;
                default: bytes[random.Next(8, bytes.Count)] = (byte)random.Next(256); break;
            }

            if (bytes.Count < 16)
                return [.. bytes];
        }

        return [.. bytes];
    }

    private static int[] Ints(SafeTensorsFile file, string name)
    {
        using torch.Tensor tensor = file.Read(name, None);
        return tensor.data<int>().ToArray();
    }

    private static torch.Tensor RandomBits(torch.ScalarType type, long[] shape, int seed)
    {
        torch.Tensor tensor = torch.empty(shape, dtype: type);
        var random = new Random(seed);
        Span<byte> bytes = tensor.bytes;
        random.NextBytes(bytes);
        if (type == torch.ScalarType.Bool)
        {
            foreach (ref byte value in bytes)
                value &= 1;
        }

        return tensor;
    }
}
