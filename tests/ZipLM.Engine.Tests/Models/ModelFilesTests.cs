using System.Text.Json.Nodes;
using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Models;

/// <summary>Models to disk and back, and checkpoints as others write them.</summary>
public sealed class ModelFilesTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(9, seed: 4));
    private readonly ModelFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(BertTests.Shapes), MemberType = typeof(BertTests))]
    public void A_saved_model_reloads_to_the_same_logits(string shapes)
    {
        using var model = TinyBert.Model(fixture.Session, 11, TinyBert.Describe(BertTests.Parse(shapes)));
        var before = Logits(model);
        _folder.Write(model);
        Assert.Equal(ModelState.Saved, model.State);
        Assert.Equal(_folder.Path, model.Path);

        using var again = _folder.Open(fixture.Session);
        Assert.False(again.IsResident);
        Assert.Equal(model.Layers, again.Layers);
        Assert.Equal(model.Labels, again.Labels);
        Assert.Equal(model.Parameters, again.Parameters);
        Assert.Equal(before, Logits(again));
        Assert.True(again.IsResident);
        Assert.Equal(model.Tokenizer.Vocabulary, again.Tokenizer.Vocabulary);
    }

    [Fact]
    public void What_was_recorded_is_read_again()
    {
        var environment = new InferenceEnvironment("cpu", "a processor", InferenceRuntime.Torch, Precision.Float32, 1, 24, 2, "2.10.0");
        var record = new ModelRecord
        {
            BaseModel = "/somewhere/base",
            BaseHash = "abc",
            TrainingData = new("/data/ä b.tsv", "tsv", "text", null, "label"),
            Pruning = new(3, 3.2, new(3.1, 3.0, 3.2, 100, 10.5, 3.4), environment, new([new(0, 2, 7), new(1, 0, 24)], 3.3, 3.5, 0.125), "0123456789ab", "toy", 256, 1e-2, 17, 1) { LargestDamping = 1e-1, WorstCondition = 3.5e4 },
        };
        using var model = TinyBert.Model(fixture.Session, 12, TinyBert.Describe([(2, 7), (0, 24)]), record);
        _folder.Write(model);
        using var again = _folder.Open(fixture.Session);
        Assert.Equal(record.TrainingData, again.Record.TrainingData);
        Assert.Equal(record.BaseModel, again.Record.BaseModel);
        Assert.Equal(record.BaseHash, again.Record.BaseHash);
        Assert.Equal(record.Pruning.Plan.Layers, again.Pruning!.Plan.Layers);
        Assert.Equal(record.Pruning with { Plan = again.Pruning.Plan }, again.Pruning);
        Assert.Equal(record.Pruning.Plan with { Layers = again.Pruning.Plan.Layers }, again.Pruning.Plan);
    }

    [Fact]
    public void A_pruned_model_is_never_written_over_its_base()
    {
        using var dense = TinyBert.Model(fixture.Session, 13);
        _folder.Write(dense);
        using var pruned = TinyBert.Model(fixture.Session, 13, TinyBert.Describe([(2, 7), (0, 24)]), new() { BaseModel = _folder.Path });
        var error = Assert.Throws<ZipLMException>(() => HuggingFaceExport.Write(pruned, _folder.Path + "/", true, new RecordingReporter(), CancellationToken.None));
        Assert.Equal("ZipLM.ExportTargetIsBase", error.ErrorId);
        error = Assert.Throws<ZipLMException>(() => OnnxExport.Write(pruned, _folder.Path, Precision.Float32, true, new RecordingReporter(), CancellationToken.None));
        Assert.Equal("ZipLM.ExportTargetIsBase", error.ErrorId);
        Assert.True(File.Exists(_folder.File("model.safetensors")));
        using var again = _folder.Open(fixture.Session);
        Assert.Equal(Logits(dense), Logits(again));
    }

    [Fact]
    public void A_pruned_model_can_be_saved_when_its_base_has_lost_its_weights()
    {
        using var dense = TinyBert.Model(fixture.Session, 13);
        _folder.Write(dense);
        File.Delete(_folder.File("model.safetensors"));
        using var pruned = TinyBert.Model(fixture.Session, 13, TinyBert.Describe([(2, 7), (0, 24)]), new() { BaseModel = _folder.Path });
        using var other = new ModelFolder();
        other.Write(pruned);
        using var again = other.Open(fixture.Session);
        Assert.Equal(Logits(pruned), Logits(again));
    }

    /// <summary>A language model's head is not computed, but it is the user's: it comes along, also from the base of a pruned model.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_head_that_is_not_computed_is_carried_along(bool saved)
    {
        using var made = TinyBert.Model(fixture.Session, 18, TinyBert.Describe(change: c => c["architectures"]![0] = "BertForPreTraining"));
        var reporter = new RecordingReporter();
        HuggingFaceExport.Write(made, _folder.Path, true, reporter, CancellationToken.None);
        Assert.Contains("BertModel", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
        _folder.Change("config.json", c => c["architectures"]![0] = "BertForPreTraining");
        _folder.ChangeWeights((name, t) => (name, t), [("cls.predictions.bias", arange(40, float32)), ("pooler.dense.bias", arange(16, float32))]);

        using var model = saved
            ? _folder.Open(fixture.Session)
            : TinyBert.Model(fixture.Session, 18, TinyBert.Describe([(2, 7), (0, 24)], c => c["architectures"]![0] = "BertForPreTraining"), new() { BaseModel = _folder.Path });
        using var other = new ModelFolder();
        other.Write(model);
        Assert.Equal("BertForPreTraining", JsonNode.Parse(File.ReadAllText(other.File("config.json")))!["architectures"]![0]!.GetValue<string>());
        using var checkpoint = Checkpoint.Open(other.Path);
        using var head = checkpoint.Read("cls.predictions.bias", CancellationToken.None);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => (double)i), TinyBert.Values(head));
        Assert.Contains("bert.pooler.dense.bias", checkpoint.Names);
        using var again = other.Open(fixture.Session);
        Assert.Equal(model.Layers, again.Layers);
        Assert.Equal(again.Layers.Count(l => l.Heads > 0), checkpoint.Names.Count(n => n.EndsWith("query.weight", StringComparison.Ordinal)));
    }

    /// <summary>A record with a hole would fail far from here, in a view or a comparison.</summary>
    [Theory]
    [InlineData("measured", false)]
    [InlineData("measured", true)]
    [InlineData("plan", false)]
    [InlineData("environment", false)]
    [InlineData("calibration_data", false)]
    [InlineData("target_speedup", true)]
    public void A_pruning_with_a_hole_is_refused(string key, bool removed)
    {
        var environment = new InferenceEnvironment("cpu", "a processor", InferenceRuntime.Torch, Precision.Float32, 1, 24, 2, "2.10.0");
        var pruning = new PruningResult(3, 3.2, new(3.1, 3.0, 3.2, 100, 10.5, 3.4), environment, new([new(0, 4, 24), new(1, 4, 24)], 3.3, 3.5, 0.125), "0123456789ab", "toy", 256, 1e-2, 17, 1);
        using var model = TinyBert.Model(fixture.Session, 12, record: new() { Pruning = pruning });
        _folder.Write(model);
        _folder.Open(fixture.Session).Dispose();
        _folder.Change("ziplm.json", json =>
        {
            Assert.NotNull(json["pruning"]![key]);
            json["pruning"]![key] = null;
            if (removed)
            {
                json["pruning"]!.AsObject().Remove(key);
            }
        });
        Assert.Equal("ZipLM.ModelRecordInvalid", Assert.Throws<ZipLMException>(() => _folder.Open(fixture.Session)).ErrorId);
    }

    [Fact]
    public void A_plan_with_a_hole_is_refused()
    {
        var environment = new InferenceEnvironment("cpu", "a processor", InferenceRuntime.Torch, Precision.Float32, 1, 24, 2, "2.10.0");
        var pruning = new PruningResult(3, 3.2, new(3.1, 3.0, 3.2, 100, 10.5, 3.4), environment, new([new(0, 4, 24), new(1, 4, 24)], 3.3, 3.5, 0.125), "0123456789ab", "toy", 256, 1e-2, 17, 1);
        using var model = TinyBert.Model(fixture.Session, 12, record: new() { Pruning = pruning });
        _folder.Write(model);
        _folder.Change("ziplm.json", json => json["pruning"]!["plan"]!["layers"]![1] = null);
        Assert.Equal("ZipLM.ModelRecordInvalid", Assert.Throws<ZipLMException>(() => _folder.Open(fixture.Session)).ErrorId);
    }

    [Fact]
    public void The_search_is_recorded_and_a_hole_in_it_refused()
    {
        var environment = new InferenceEnvironment("cpu", "a processor", InferenceRuntime.Torch, Precision.Float32, 1, 24, 2, "2.10.0");
        var pruning = new PruningResult(3, 3.2, new(3.1, 3.0, 3.2, 100, 10.5, 3.4), environment, new([new(0, 4, 24), new(1, 4, 24)], 3.3, 3.5, 0.125), "0123456789ab", "toy", 256, 1e-2, 17, 1)
        {
            Search = new(300, 20, 15, 1234.5, [0.5, 1], [new(0, 2.5, 100), new(7, 1.25, 200)]),
        };
        using var model = TinyBert.Model(fixture.Session, 12, record: new() { Pruning = pruning });
        _folder.Write(model);
        using (var again = _folder.Open(fixture.Session))
        {
            var search = again.Pruning!.Search!;
            Assert.Equal((300, 20, 15, 1234.5), (search.Trials, search.Evaluated, search.StoppedEarly, search.ForwardTokens));
            Assert.Equal(pruning.Search.Coefficients, search.Coefficients);
            Assert.Equal(pruning.Search.Curve, search.Curve);
        }

        _folder.Change("ziplm.json", json => json["pruning"]!["search"]!["curve"]![1] = null);
        Assert.Equal("ZipLM.ModelRecordInvalid", Assert.Throws<ZipLMException>(() => _folder.Open(fixture.Session)).ErrorId);
    }

    [Fact]
    public void Dimensions_that_cannot_be_are_told_by_the_parameters()
    {
        var error = Assert.Throws<ZipLMException>(() => ModelCatalog.Create(fixture.Session, "new", new(1, 9, 2, 8, 16), TinyBert.Tokenizer, ModelTask.FeatureExtraction, [], CancellationToken.None));
        Assert.Equal("ZipLM.ModelSizeInvalid", error.ErrorId);
        Assert.Contains("-HiddenSize", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_can_be_written_over_its_own_directory()
    {
        using var model = TinyBert.Model(fixture.Session, 14);
        _folder.Write(model);
        using var first = _folder.Open(fixture.Session);
        _folder.Write(first);
        using var second = _folder.Open(fixture.Session);
        Assert.Equal(Logits(model), Logits(second));
    }

    [Fact]
    public void Keys_of_the_config_that_this_code_does_not_use_are_written_back()
    {
        using var model = TinyBert.Model(fixture.Session, 15, TinyBert.Describe(change: c => c["somebody_elses"] = new JsonObject { ["key"] = 1 }));
        _folder.Write(model);
        Assert.Equal(1, JsonNode.Parse(File.ReadAllText(_folder.File("config.json")))!["somebody_elses"]!["key"]!.GetValue<int>());
    }

    [Fact]
    public void Legacy_names_of_LayerNorm_are_read() =>
        AssertSameAfter(folder => folder.ChangeWeights((name, t) => (name.Replace("LayerNorm.weight", "LayerNorm.gamma", StringComparison.Ordinal).Replace("LayerNorm.bias", "LayerNorm.beta", StringComparison.Ordinal), t)));

    [Fact]
    public void Names_without_the_models_prefix_are_read() =>
        AssertSameAfter(folder => folder.ChangeWeights((name, t) => (name.StartsWith("bert.", StringComparison.Ordinal) ? name[5..] : name, t)));

    [Fact]
    public void Stray_buffers_and_other_heads_are_left_out() =>
        AssertSameAfter(folder => folder.ChangeWeights((name, t) => (name, t),
        [
            ("bert.embeddings.position_ids", arange(TinyBert.Positions, int64).unsqueeze(0)),
            ("cls.predictions.bias", zeros(40)),
        ]));

    [Fact]
    public void Shards_with_an_index_are_read()
    {
        AssertSameAfter(folder => folder.ChangeWeights((name, t) => (name, t), maximumShardBytes: 4000));
        Assert.True(Directory.GetFiles(_folder.Path, "*.safetensors").Length > 3);
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float64)]
    public void Checkpoints_of_other_precisions_are_read(ScalarType type)
    {
        using var model = TinyBert.Model(fixture.Session, 16);
        // Values that the small types hold exactly: the answer must then be exactly the same.
        fixture.Run(() =>
        {
            using var gradients = no_grad();
            foreach (var (_, parameter) in model.Weights(null, CancellationToken.None).Parameters)
            {
                parameter.copy_((parameter * 16).round() / 16);
            }
        });
        var before = Logits(model);
        _folder.Write(model);
        _folder.ChangeWeights((name, t) => (name, t.to(type)));
        using var again = _folder.Open(fixture.Session);
        Assert.Equal(before, Logits(again));
    }

    [Fact]
    public void A_session_of_bfloat16_loads_and_writes_it()
    {
        using var model = TinyBert.Model(fixture.Session, 17);
        _folder.Write(model);
        using var session = SessionFixture.Connect(Precision.BFloat16);
        using var small = _folder.Open(session);
        var logits = Logits(small);
        TinyBert.AssertClose(Logits(model), logits, 0.1);
        Assert.Equal(2 * small.Parameters, session.ResidentBytes);
        _folder.Write(small);
        using var again = _folder.Open(session);
        Assert.Equal(logits, Logits(again));
    }

    private void AssertSameAfter(Action<ModelFolder> change)
    {
        using var model = TinyBert.Model(fixture.Session, 18);
        _folder.Write(model);
        change(_folder);
        using var again = _folder.Open(fixture.Session);
        Assert.Equal(Logits(model), Logits(again));
    }

    private double[] Logits(TransformerModel model)
    {
        double[] logits = [];
        fixture.Run(() =>
        {
            using var gradients = no_grad();
            using var batch = TinyBert.Batch(Data);
            logits = TinyBert.Values(model.Weights(null, CancellationToken.None).Forward(batch).Logits!);
        });
        return logits;
    }
}
