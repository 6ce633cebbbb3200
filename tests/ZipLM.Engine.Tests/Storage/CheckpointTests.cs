using System.Security.Cryptography;
using System.Text.Json.Nodes;
using TorchSharp;
using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

public sealed class CheckpointTests : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void OneFileComesBack()
    {
        WriteModel(maximumShardBytes: 1000);
        Assert.Equal(["model.safetensors"], _folder.Entries());
        AssertModel();
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Root);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder["model.safetensors"]))), checkpoint.Hash(None));
    }

    [Fact]
    public void ShardsComeBack()
    {
        // 8, 12, 4 and 40 bytes: the first two fill a shard to the last byte, the last is bigger than one.
        WriteModel(maximumShardBytes: 20);
        Assert.Equal(
            ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", "model.safetensors.index.json"],
            _folder.Entries());
        AssertModel();

        JsonNode index = JsonNode.Parse(File.ReadAllText(_folder["model.safetensors.index.json"]))!;
        Assert.Equal(64, (long?)index["metadata"]!["total_size"]);
        Assert.Equal(
            [("a", "model-00001-of-00003.safetensors"), ("b", "model-00001-of-00003.safetensors"), ("c", "model-00002-of-00003.safetensors"), ("d", "model-00003-of-00003.safetensors")],
            index["weight_map"]!.AsObject().Select(pair => (pair.Key, (string)pair.Value!)));

        using Checkpoint checkpoint = Checkpoint.Open(_folder.Root);
        byte[] contents = [.. Directory.GetFiles(_folder.Root, "*.safetensors").Order(StringComparer.Ordinal).SelectMany(File.ReadAllBytes)];
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(contents)), checkpoint.Hash(None));
    }

    [Fact]
    public void NothingThereIsSaidSo()
    {
        AssertRefused("CheckpointMissing", "model.safetensors");
        Assert.Equal("ZipLM.CheckpointMissing", Assert.Throws<ZipLMException>(() => Checkpoint.Open(_folder["none"])).ErrorId);
    }

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("pytorch_model-00001-of-00002.bin")]
    public void APickleIsNeverReadAndTheRemedyConvertsIt(string file)
    {
        _folder.Write(file);
        Assert.Contains("safe_serialization=True", AssertRefused("CheckpointPickle", file).Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../outside.safetensors")]
    [InlineData("sub/file.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("..\\\\outside.safetensors")]
    [InlineData("C:file.safetensors")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("a\\u0000b")]
    public void AnIndexLeadsNowhereElse(string file)
    {
        WriteIndex($"\"t\": \"{file}\"");
        AssertRefused("CheckpointPathTraversal", "'t'");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"weight_map\": []}")]
    [InlineData("{\"weight_map\": {\"t\": 1}}")]
    [InlineData("{\"weight_map\": {\"t\": null}}")]
    public void AnIndexWithoutAMapIsRefused(string index)
    {
        _folder.Write("model.safetensors.index.json", index);
        AssertRefused("CheckpointIndexInvalid", "weight_map");
    }

    [Fact]
    public void AMissingShardIsNamed()
    {
        WriteShard("one.safetensors", "t");
        WriteIndex("\"t\": \"one.safetensors\", \"u\": \"two.safetensors\"");
        AssertRefused("CheckpointShardMissing", "'two.safetensors'");
    }

    [Fact]
    public void ATensorThatIsNotWhereTheIndexPutsItIsNamed()
    {
        WriteShard("one.safetensors", "t");
        WriteIndex("\"t\": \"one.safetensors\", \"u\": \"one.safetensors\"");
        AssertRefused("CheckpointTensorMissing", "'u'");
    }

    [Fact]
    public void ATensorThatTheIndexDoesNotKnowIsNamed()
    {
        WriteShard("one.safetensors", "t");
        WriteShard("two.safetensors", "u");
        WriteIndex("\"t\": \"one.safetensors\", \"u\": \"two.safetensors\"");
        Checkpoint.Open(_folder.Root).Dispose();

        // The same name in a second shard: which one is meant?
        WriteShard("two.safetensors", "u", "t");
        AssertRefused("CheckpointTensorUnlisted", "'t'");
    }

    [Fact]
    public void ADamagedShardIsNamedAndEveryFileIsLetGo()
    {
        WriteShard("one.safetensors", "t");
        _folder.Write("two.safetensors", [1]);
        WriteIndex("\"t\": \"one.safetensors\", \"u\": \"two.safetensors\"");
        AssertRefused("CheckpointTruncated", "two.safetensors");
        using FileStream exclusive = new(_folder["one.safetensors"], FileMode.Open, FileAccess.ReadWrite, FileShare.None);
    }

    [Fact]
    public void AFullDiskNamesWhatIsNeeded()
    {
        // A view of one element as 2^58: no disk holds it. Should the check be missing, the token stops the write before it fills this disk.
        using torch.Tensor one = torch.zeros(1);
        using torch.Tensor huge = one.expand(1L << 58);
        ZipLMException error = Assert.Throws<ZipLMException>(() => CheckpointWriter.Write(_folder.Root, [("t", huge)], new CancellationToken(canceled: true)));
        Assert.Equal("ZipLM.DiskFull", error.ErrorId);
        Assert.Empty(_folder.Entries());
    }

    private void WriteModel(long maximumShardBytes)
    {
        using torch.Tensor a = torch.arange(2, dtype: torch.ScalarType.Float32);
        using torch.Tensor b = torch.arange(3, dtype: torch.ScalarType.Float32);
        using torch.Tensor c = torch.arange(1, dtype: torch.ScalarType.Int32);
        using torch.Tensor d = torch.arange(10, dtype: torch.ScalarType.Float32).reshape(5, 2);
        CheckpointWriter.Write(_folder.Root, [("a", a), ("b", b), ("c", c), ("d", d)], None, maximumShardBytes);
    }

    private void AssertModel()
    {
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Root);
        Assert.Equal(["a", "b", "c", "d"], checkpoint.Names.Order(StringComparer.Ordinal));
        Assert.Equal(64, checkpoint.TotalBytes);
        Assert.Equal([5L, 2L], checkpoint.Shape("d"));
        Assert.Equal(torch.ScalarType.Int32, checkpoint.DType("c"));
        Assert.True(checkpoint.Contains("a"));
        Assert.False(checkpoint.Contains("e"));
        using torch.Tensor d = checkpoint.Read("d", None);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (float)i), d.data<float>().ToArray());
        Assert.Throws<KeyNotFoundException>(() => checkpoint.Read("e", None));
    }

    private void WriteShard(string file, params string[] tensors) =>
        _folder.Write(file, FileBytes.Of("{" + string.Join(',', tensors.Select((name, i) => FileBytes.Tensor(name, "U8", "1", i, i + 1))) + "}", new byte[tensors.Length]));

    private void WriteIndex(string map) => _folder.Write("model.safetensors.index.json", $"{{\"weight_map\": {{{map}}}}}");

    private ZipLMException AssertRefused(string errorId, string said)
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => Checkpoint.Open(_folder.Root).Dispose());
        Assert.Equal("ZipLM." + errorId, error.ErrorId);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        return error;
    }
}
