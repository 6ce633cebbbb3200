using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using ZipLM.Engine.Tests.Data;
using ZipLM.Engine.Tests.Models;

namespace ZipLM.Engine.Tests.Export;

public sealed class OnnxExportTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    [Theory]
    [InlineData("model.onnx", long.MaxValue)]
    [InlineData("folder", long.MaxValue)]
    [InlineData("folder", 1)]
    public void What_is_written_runs_by_itself_and_answers_as_torch(string name, long largestMessage)
    {
        using var model = TinyBert.Model(fixture.Session);
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, name);
        OnnxExport.Write(model, path, Precision.Float32, replace: false, largestMessage, new RecordingReporter(), TestContext.Current.CancellationToken);
        Assert.Single(Directory.EnumerateFileSystemEntries(folder.Path));
        var file = name == "folder" ? Path.Combine(path, "model.onnx") : path;
        Assert.Equal(largestMessage == 1, File.Exists(file + ".data"));
        using var session = new InferenceSession(file);
        Assert.Equal(["attention_mask", "input_ids", "token_type_ids"], session.InputNames.Order(StringComparer.Ordinal));
        Assert.All(session.InputMetadata.Values, input => Assert.Equal(["batch", "sequence"], input.SymbolicDimensions));
        Assert.Equal(["logits"], session.OutputNames);
        fixture.Run(() =>
        {
            using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(5, 3)));
            var expected = TinyBert.Values(TransformerModel.Of(model).Weights(null, CancellationToken.None).Forward(batch).Logits!);
            var inputs = OnnxProgram.Inputs(batch);
            using var options = new RunOptions();
            using var outputs = session.Run(options, inputs, session.OutputNames);
            TinyBert.AssertClose(expected, [.. outputs[0].GetTensorDataAsSpan<float>().ToArray().Select(v => (double)v)], 1e-5);
            OnnxProgram.Free(inputs);
        });
    }

    [Fact]
    public void The_directory_is_a_model_directory_but_for_its_weights()
    {
        using var model = TinyBert.Model(fixture.Session);
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "folder");
        Write(model, path, Precision.Int8);
        Assert.Equal(["README.md", "config.json", "model.onnx", "ziplm.json"], Directory.EnumerateFiles(path).Select(Path.GetFileName).Where(f => !f!.Contains("token", StringComparison.Ordinal) && f != "vocab.txt").Order(StringComparer.Ordinal));
        Assert.Equal(TinyBert.Tokenizer.Count, BertTokenizer.Load(path).Count);
        var graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(path, "model.onnx")));
        Assert.Contains(graph.Graph.Node, n => n.OpType == "MatMulInteger");
        Assert.DoesNotContain(graph.Graph.Node, n => n.OpType == "MatMul");
        Assert.Equal([("", 17L), ("com.microsoft", 1L)], graph.OpsetImport.Select(o => (o.Domain, o.Version)));
    }

    /// <summary>What is written is what is timed: a masked language model without its head.</summary>
    [Theory]
    [InlineData("bert masked", "last_hidden_state")]
    [InlineData("bert bare", "last_hidden_state")]
    [InlineData("bert spans", "logits")]
    public void The_head_of_a_task_is_written_and_said(string name, string output)
    {
        using var model = TinyBert.Model(fixture.Session, 3, TinyFamilies.Describe(name));
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "folder");
        Write(model, path, Precision.Float32);
        using var session = new InferenceSession(Path.Combine(path, "model.onnx"));
        Assert.Equal([output], session.OutputNames);
        var card = File.ReadAllText(Path.Combine(path, "README.md"));
        Assert.Contains($"`answer` is `{output}`", card, StringComparison.Ordinal);
        Assert.DoesNotContain("fill-mask", card, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_writes_texts_is_written_with_its_cache_and_says_how_to_use_it()
    {
        using var model = TinyBert.Model(fixture.Session, 3, TinyFamilies.Describe("gpt2 causal", "1/7 0/24"));
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "folder");
        Write(model, path, Precision.Float32);
        using var session = new InferenceSession(Path.Combine(path, "model.onnx"));
        Assert.Equal(["input_ids", "attention_mask", "past_key_values.0.key", "past_key_values.0.value"], session.InputNames);
        Assert.Equal(["logits", "present.0.key", "present.0.value"], session.OutputNames);
        var card = File.ReadAllText(Path.Combine(path, "README.md"));
        Assert.Contains("startswith(\"past_key_values.\")", card, StringComparison.Ordinal);
        Assert.Contains("pipeline_tag: text-generation", card, StringComparison.Ordinal);
        Assert.DoesNotContain("`answer`", card, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_is_not_written_over_its_own_directory()
    {
        using var folder = new ModelFolder();
        using var model = TinyBert.Model(fixture.Session);
        folder.Write(model);
        var error = Assert.Throws<ZipLMException>(() => OnnxExport.Write(model, folder.Path + "/", Precision.Float32, replace: true, new RecordingReporter(), CancellationToken.None));
        Assert.Equal("ZipLM.ExportTargetIsSource", error.ErrorId);
        Assert.True(File.Exists(folder.File("model.safetensors")));
        Write(model, folder.File("model.onnx"), Precision.Float32);
    }

    [Fact]
    public void What_ONNX_Runtime_refuses_is_one_error()
    {
        var error = Assert.Throws<ZipLMException>(() => new Engine.Runtime.OnnxSession([1, 2, 3], 1));
        Assert.Equal("ZipLM.OnnxRuntimeFailed", error.ErrorId);
        using var model = TinyBert.Model(fixture.Session);
        fixture.Run(() =>
        {
            using var program = new OnnxProgram(OnnxModel.Whole(model.Weights(null, default), Precision.Float32), 1);
            using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(2, 3)));
            var inputs = OnnxProgram.Inputs(batch);
            inputs["input_ids"].Dispose();
            inputs["input_ids"] = Engine.Runtime.OnnxSession.Value(Enumerable.Repeat(100_000L, (int)batch.InputIds.numel()).ToArray(), batch.InputIds.shape);
            Assert.Equal("ZipLM.OnnxRuntimeFailed", Assert.Throws<ZipLMException>(() => program.Run(inputs)).ErrorId);
            OnnxProgram.Free(inputs);
        });
    }

    [Fact]
    public void What_cannot_be_written_leaves_what_was_there()
    {
        using var model = TinyBert.Model(fixture.Session);
        using var folder = new TemporaryFolder();
        var path = folder.Write("model.onnx", "mine");
        Assert.Equal("ZipLM.ExportTargetExists", Assert.Throws<ZipLMException>(() => Write(model, path, Precision.Float32)).ErrorId);
        Assert.Equal("ZipLM.OnnxPrecision", Assert.Throws<ZipLMException>(() => Write(model, path, Precision.BFloat16)).ErrorId);
        Assert.Equal("ZipLM.OnnxModelTooLarge", Assert.Throws<ZipLMException>(
            () => OnnxExport.Write(model, path, Precision.Float32, replace: true, 1, new RecordingReporter(), CancellationToken.None)).ErrorId);
        Assert.Equal("mine", File.ReadAllText(path));
        OnnxExport.Write(model, path, Precision.Float32, replace: true, new RecordingReporter(), CancellationToken.None);
        Assert.True(new FileInfo(path).Length > 1000);
        Assert.Single(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    private static void Write(Model model, string path, Precision precision) =>
        OnnxExport.Write(model, path, precision, replace: false, new RecordingReporter(), TestContext.Current.CancellationToken);
}
