using System.Text.Json.Nodes;
using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

public sealed class JsonFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WhatIsWrittenIsRead()
    {
        JsonFile.Write(_folder["config.json"], new JsonObject { ["name"] = "é <ß>", ["sizes"] = new JsonArray(1, 2), ["small"] = 1e-12 });
        Assert.Equal("{\n  \"name\": \"é <ß>\",\n  \"sizes\": [\n    1,\n    2\n  ],\n  \"small\": 1E-12\n}\n", File.ReadAllText(_folder["config.json"]));
        JsonObject read = JsonFile.Read(_folder["config.json"]);
        Assert.Equal("é <ß>", (string?)read["name"]);
        Assert.Equal(1e-12, (double?)read["small"]);
    }

    [Fact]
    public void AByteOrderMarkIsNoError()
    {
        _folder.Write("config.json", [0xEF, 0xBB, 0xBF, (byte)'{', (byte)'}']);
        Assert.Empty(JsonFile.Read(_folder["config.json"]));
    }

    [Theory]
    [InlineData("{\n  \"a\": 1,\n  \"é\": x\n}", "line 3, column 8:")]
    [InlineData("{\"a\": 1", "line 1, column 8:")]
    [InlineData("", "line 1, column 1:")]
    [InlineData("{} {}", "line 1, column 4:")]
    [InlineData("[1]", "one JSON object")]
    [InlineData("null", "one JSON object")]
    [InlineData("{\"a\": 1, \"a\": 2}", "'a'")]
    [InlineData("{\"a\": {\"b\": 1, \"b\": 2}}", "'b'")]
    public void SaysWhereItIsWrong(string content, string said)
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => JsonFile.Read(_folder.Write("config.json", content)));
        Assert.Equal("ZipLM.JsonInvalid", error.ErrorId);
        Assert.Contains(_folder["config.json"], error.Message, StringComparison.Ordinal);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("LineNumber", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AMissingFileIsSaidSo() =>
        Assert.Equal("ZipLM.JsonMissing", Assert.Throws<ZipLMException>(() => JsonFile.Read(_folder["none.json"])).ErrorId);
}
