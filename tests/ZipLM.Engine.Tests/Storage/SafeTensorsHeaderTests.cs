using System.Text;
using TorchSharp;
using Xunit;
using ZipLM.Engine.Storage;
using static ZipLM.Engine.Tests.Storage.FileBytes;

namespace ZipLM.Engine.Tests.Storage;

/// <summary>What a header may say and what it may not; no torch needed.</summary>
public sealed class SafeTensorsHeaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ReadsWhatTheHeaderSays()
    {
        string header = "{\"__metadata__\":{\"format\":\"pt\",\"who\":\"é\"},"
            + Tensor("b", "F32", "2,1", 2, 10) + ","
            + Tensor("a.b", "BF16", "", 0, 2) + ","
            + Tensor("empty", "I64", "3,0", 2, 2) + "}   ";
        using SafeTensorsFile file = Open(Of(header, new byte[10]));

        Assert.Equal(["b", "a.b", "empty"], file.Entries.Keys);
        Assert.Equal(new Dictionary<string, string> { ["format"] = "pt", ["who"] = "é" }, file.Metadata);
        TensorEntry b = file.Entries["b"];
        Assert.Equal((torch.ScalarType.Float32, 2L, 10L, 8L), (b.DType, b.Begin, b.End, b.Bytes));
        Assert.Equal([2L, 1L], b.Shape);
        Assert.Empty(file.Entries["a.b"].Shape);
        Assert.Equal([3L, 0L], file.Entries["empty"].Shape);
    }

    [Theory]
    [InlineData("F64", torch.ScalarType.Float64, 8)]
    [InlineData("F32", torch.ScalarType.Float32, 4)]
    [InlineData("F16", torch.ScalarType.Float16, 2)]
    [InlineData("BF16", torch.ScalarType.BFloat16, 2)]
    [InlineData("I64", torch.ScalarType.Int64, 8)]
    [InlineData("I32", torch.ScalarType.Int32, 4)]
    [InlineData("I16", torch.ScalarType.Int16, 2)]
    [InlineData("I8", torch.ScalarType.Int8, 1)]
    [InlineData("U8", torch.ScalarType.Byte, 1)]
    [InlineData("BOOL", torch.ScalarType.Bool, 1)]
    public void KnowsTheTypes(string name, torch.ScalarType type, int bytes)
    {
        using SafeTensorsFile file = Open(Of($"{{{Tensor("t", name, "3", 0, 3 * bytes)}}}", new byte[3 * bytes]));
        Assert.Equal(type, file.Entries["t"].DType);
    }

    [Fact]
    public void AFileWithoutTensorsIsValid()
    {
        using SafeTensorsFile file = Open(Of("{}"));
        Assert.Empty(file.Entries);
    }

    [Theory]
    [InlineData("{\"t\":", "CheckpointHeaderInvalid", "JSON")]
    [InlineData("[]", "CheckpointHeaderInvalid", "JSON object")]
    [InlineData(" {}", "CheckpointHeaderInvalid", "JSON object")]
    [InlineData("{} x", "CheckpointHeaderInvalid", "JSON")]
    [InlineData("", "CheckpointHeaderInvalid", "JSON object")]
    [InlineData("{\"t\":1}", "CheckpointHeaderInvalid", "'t'")]
    [InlineData("{\"t\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "CheckpointHeaderInvalid", "dtype")]
    [InlineData("{\"t\":{\"dtype\":4,\"shape\":[2],\"data_offsets\":[0,8]}}", "CheckpointHeaderInvalid", "dtype")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "CheckpointHeaderInvalid", "shape")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", "CheckpointHeaderInvalid", "shape")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}", "CheckpointHeaderInvalid", "2.5")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "CheckpointHeaderInvalid", "-2")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", "CheckpointHeaderInvalid", "'t'")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", "CheckpointHeaderInvalid", "'t'")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[2]}}", "CheckpointHeaderInvalid", "data_offsets")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", "CheckpointHeaderInvalid", "data_offsets")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", "CheckpointHeaderInvalid", "data_offsets")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "CheckpointHeaderInvalid", "data_offsets")]
    [InlineData("{\"__metadata__\":[]}", "CheckpointHeaderInvalid", "__metadata__")]
    [InlineData("{\"__metadata__\":{\"n\":1}}", "CheckpointHeaderInvalid", "'n'")]
    [InlineData("{\"t\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}", "CheckpointTypeUnknown", "F8_E4M3")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "CheckpointSizeMismatch", "12 bytes")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[2,0],\"data_offsets\":[0,8]}}", "CheckpointSizeMismatch", "0 bytes")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", "CheckpointSizeMismatch", "impossible")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]}}", "CheckpointSizeMismatch", "impossible")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", "CheckpointTruncated", "byte 12")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", "CheckpointTruncated", "'t'")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "CheckpointGap", "'t'")]
    [InlineData("{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "CheckpointGap", "4 bytes at its end")]
    [InlineData("{}", "CheckpointGap", "8 bytes at its end")]
    public void RefusesAHeaderThatIsWrong(string header, string errorId, string said) =>
        AssertRefused(Of(header, new byte[8]), errorId, said);

    [Fact]
    public void RefusesOverlappingTensors() =>
        AssertRefused(Of($"{{{Tensor("one", "U8", "5", 0, 5)},{Tensor("two", "U8", "4", 4, 8)}}}", new byte[8]), "CheckpointTensorsOverlap", "'one' and 'two'");

    [Fact]
    public void RefusesAHoleBetweenTensors() =>
        AssertRefused(Of($"{{{Tensor("one", "U8", "3", 0, 3)},{Tensor("two", "U8", "4", 4, 8)}}}", new byte[8]), "CheckpointGap", "'two'");

    [Theory]
    [InlineData("t", "t")]
    [InlineData("t", "\\u0074")]
    [InlineData("__metadata__", "__metadata__")]
    public void RefusesDuplicateNames(string first, string second) =>
        AssertRefused(
            first == "t" ? Of($"{{{Tensor(first, "U8", "4", 0, 4)},{Tensor(second, "U8", "4", 4, 8)}}}", new byte[8]) : Of($"{{\"{first}\":{{}},\"{second}\":{{}}}}"),
            "CheckpointHeaderInvalid",
            first);

    [Fact]
    public void RefusesTextThatIsNotUtf8()
    {
        byte[] bytes = Of($"{{{Tensor("t?", "U8", "0", 0, 0)}}}");
        bytes[Array.IndexOf(bytes, (byte)'?')] = 0xFF;
        AssertRefused(bytes, "CheckpointHeaderInvalid", "JSON");
        AssertRefused(Of($"{{{Tensor("\\ud800", "U8", "0", 0, 0)}}}"), "CheckpointHeaderInvalid", "JSON");
    }

    [Theory]
    [InlineData(100_000_001, "CheckpointHeaderInvalid")]
    [InlineData(-1, "CheckpointHeaderInvalid")]
    [InlineData(long.MinValue, "CheckpointHeaderInvalid")]
    [InlineData(3, "CheckpointTruncated")]
    [InlineData(1, "CheckpointHeaderInvalid")]
    [InlineData(0, "CheckpointHeaderInvalid")]
    public void RefusesAHeaderLengthThatLies(long claimed, string errorId) => AssertRefused(Of("{}", claimed, []), errorId, "header");

    [Fact]
    public void RefusesEveryTruncation()
    {
        byte[] whole = Of($"{{{Tensor("t", "F32", "2", 0, 8)}}}", new byte[8]);
        for (int length = 0; length < whole.Length; length++)
            AssertRefused(whole[..length], "CheckpointTruncated", "");
    }

    [Fact]
    public void NamesTheFileAndARemedyAndLetsGoOfTheFile()
    {
        string path = _folder.Write("bad.safetensors", [1, 2, 3]);
        ZipLMException error = Assert.Throws<ZipLMException>(() => SafeTensorsFile.Open(path));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.InvalidData, error.Kind);
        Assert.NotEmpty(error.Remedy);
        using FileStream exclusive = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
    }

    [Fact]
    public void AMissingFileIsSaidSo() =>
        Assert.Equal("ZipLM.CheckpointMissing", Assert.Throws<ZipLMException>(() => SafeTensorsFile.Open(_folder["none.safetensors"])).ErrorId);

    [Fact]
    public void OpeningReadsTheHeaderOnly()
    {
        // A sparse file of 100 GB: only a reader that leaves the data alone opens it at once.
        byte[] start = Of($"{{{Tensor("t", "U8", "100000000000", 0, 100_000_000_000)}}}");
        string path = _folder.Write("sparse.safetensors", start);
        using (FileStream stream = File.OpenWrite(path))
            stream.SetLength(start.Length + 100_000_000_000);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        Assert.Equal(100_000_000_000, file.Entries["t"].Bytes);
    }

    private SafeTensorsFile Open(byte[] bytes) => SafeTensorsFile.Open(_folder.Write("file.safetensors", bytes));

    private void AssertRefused(byte[] bytes, string errorId, string said)
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => Open(bytes).Dispose());
        Assert.True(error.ErrorId == "ZipLM." + errorId, $"{error.ErrorId} where {errorId} is due, for {Encoding.UTF8.GetString(bytes)}: {error.Message}");
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }
}
