using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Tests.Data;

namespace ZipLM.Engine.Tests.Latency;

public sealed class LatencyTableFileTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void A_table_comes_back_to_the_last_bit(int generated)
    {
        using var model = TinyBert.Model(fixture.Session);
        using var folder = new TemporaryFolder();
        var table = new LatencyTable(model, new("cpu", "a: #strange 'name' €", InferenceRuntime.Torch, Precision.BFloat16, 3, 17, 2, "2.10.0") { GeneratedTokens = generated },
            [.. MadeUpTable.Of(model).Levels.Select(l => l with { Milliseconds = l.Milliseconds / 3, Spread = 0.1 / 3 })], 1.0 / 3, 20.0 / 7, 11);
        var path = Path.Combine(folder.Path, "table.yaml");
        LatencyTableFlow.Export(table, path, replace: false);
        Assert.Equal(generated > 0, File.ReadAllText(path).Contains("\n  generated_tokens: 5\n", StringComparison.Ordinal));
        var back = LatencyTableFlow.Import(path, model, () => throw new InvalidOperationException(), "/");
        Assert.Equal(table.Fingerprint, back.Fingerprint);
        Assert.Equal(table.Environment, back.Environment);
        Assert.Equal(table.Levels, back.Levels);
        Assert.Equal((table.DenseMilliseconds, table.RestMilliseconds, table.Rounds), (back.DenseMilliseconds, back.RestMilliseconds, back.Rounds));
        Assert.Same(model, back.Model);
    }

    [Fact]
    public void A_file_is_overwritten_only_when_that_is_asked_for()
    {
        using var model = TinyBert.Model(fixture.Session);
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "table.yaml");
        File.WriteAllText(path, "mine");
        Assert.Equal("ZipLM.FileExists", Assert.Throws<ZipLMException>(() => LatencyTableFlow.Export(MadeUpTable.Of(model), path, replace: false)).ErrorId);
        Assert.Equal("mine", File.ReadAllText(path));
        LatencyTableFlow.Export(MadeUpTable.Of(model), path, replace: true);
        Assert.StartsWith("schema: 1", File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Single(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    /// <summary>Each change is made in the one line that has the text; the error names that line, or the mapping that lacks something.</summary>
    [Theory]
    [InlineData("schema: 1", "schema: 2", "line 1", "schema 2")]
    [InlineData("rounds: 10", "rounds: ten", null, "whole number")]
    [InlineData("rounds: 10", "rounds: '10'", null, "whole number")]
    [InlineData("rounds: 10", "rouns: 10", "line 1", "'rounds' is missing")]
    [InlineData("rounds: 10", "rounds: 10\nwarmth: 3", "+1", "'warmth' is not known")]
    [InlineData("dense_ms: 13", "dense_ms: 0", null, "above 0")]
    [InlineData("  batch_size: 1", "  batch_size: 0", null, "at least 1")]
    [InlineData("  batch_size: 1", "  batch_size: 1\n  generated_tokens: -1", "+1", "at least 0")]
    [InlineData("runtime: Torch", "runtime: Abacus", null, "one of Torch")]
    [InlineData("- {level: 4, ms: 3, spread: 0}", "- {level: 4, ms: -3, spread: 0}", null, "at least 0")]
    [InlineData("- {level: 4, ms: 3, spread: 0}", "- {level: 4, ms: .nan, spread: 0}", null, "at least 0")]
    [InlineData("- {level: 4, ms: 3, spread: 0}", "- {level: 3, ms: 3, spread: 0}", "+1", "twice")]
    [InlineData("- {level: 4, ms: 3, spread: 0}", "- {level: 4, ms: 3, spread: 0, mood: good}", null, "'mood' is not known")]
    [InlineData("- {level: 4, ms: 3, spread: 0}", "# none", "line 1", "attention has no time for level 4")]
    [InlineData("- {level: 0, ms: 0.1, spread: 0}", "# none", "line 1", "no time for level 0")]
    [InlineData("rounds: 10", "rounds: 10\nrounds: 11", "+1", "")]
    [InlineData("rounds: 10", "rounds: [10", null, "not closed")]
    [InlineData("  family: bert", "  family: {}", null, "single value")]
    public void What_is_wrong_in_a_file_is_said_with_its_line(string was, string becomes, string? line, string what)
    {
        using var model = TinyBert.Model(fixture.Session);
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "table.yaml");
        LatencyTableFlow.Export(MadeUpTable.Of(model), path, replace: false);
        var lines = File.ReadAllLines(path).ToList();
        var index = lines.FindIndex(l => l.TrimEnd() == was || l.EndsWith(was, StringComparison.Ordinal));
        Assert.True(index >= 0, $"No '{was}' in:\n{File.ReadAllText(path)}");
        lines[index] = lines[index].Replace(was, becomes, StringComparison.Ordinal);
        File.WriteAllLines(path, lines);
        var error = Assert.Throws<ZipLMException>(() => LatencyTableFlow.Import(path, model, () => throw new InvalidOperationException(), "/"));
        Assert.Equal(("ZipLM.YamlInvalid", ErrorKind.InvalidData), (error.ErrorId, error.Kind));
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        Assert.StartsWith($"'{path}', {line switch { null => $"line {index + 1},", "+1" => $"line {index + 2},", _ => line }}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("- a\n- b\n")]
    [InlineData("\0\u0001")]
    public void A_file_that_is_no_mapping_is_refused(string text)
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "table.yaml");
        File.WriteAllText(path, text);
        Assert.Equal("ZipLM.YamlInvalid", Assert.Throws<ZipLMException>(() => LatencyTableFlow.Import(path, null, () => fixture.Session, "/")).ErrorId);
    }

    [Fact]
    public void A_table_of_another_model_is_refused()
    {
        using var model = TinyBert.Model(fixture.Session);
        using var other = TinyBert.Model(fixture.Session, description: TinyBert.Describe([(4, 24), (4, 24), (4, 24)]));
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "table.yaml");
        LatencyTableFlow.Export(MadeUpTable.Of(model), path, replace: false);
        Assert.Equal("ZipLM.LatencyTableModel", Assert.Throws<ZipLMException>(() => LatencyTableFlow.Import(path, other, () => fixture.Session, "/")).ErrorId);
    }
}
