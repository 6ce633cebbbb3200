using System.Text.Json.Nodes;
using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Models;

/// <summary>Each damage to a model's directory is one error that says what is wrong and where.</summary>
public sealed class BadModelTests : IClassFixture<SessionFixture>, IDisposable
{
    private const string Query = "bert.encoder.layer.1.attention.self.query.weight";
    private readonly SessionFixture _fixture;
    private readonly ModelFolder _folder = new();

    public BadModelTests(SessionFixture fixture)
    {
        _fixture = fixture;
        using var model = TinyBert.Model(fixture.Session, 20, TinyBert.Describe([(3, 7), (4, 24)]));
        _folder.Write(model);
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Key of config.json, its value (null = the key is missing), error id, part of the message.</summary>
    public static TheoryData<string, string?, string, string> Configs { get; } = new()
    {
        { "model_type", "\"gpt9\"", "ModelFamilyUnknown", "'gpt9'" },
        { "model_type", null, "ModelFamilyUnknown", "''" },
        { "architectures", "[\"BertForRanking\"]", "ModelArchitectureUnknown", "BertForRanking" },
        { "architectures", null, "ModelConfigInvalid", "'architectures'" },
        { "architectures", "[7]", "ModelConfigInvalid", "'architectures'" },
        { "hidden_size", null, "ModelConfigInvalid", "'hidden_size' is missing" },
        { "hidden_size", "\"16\"", "ModelConfigInvalid", "'hidden_size' is \"16\"" },
        { "hidden_size", "18", "ModelConfigInvalid", "not a multiple" },
        { "hidden_size", "32", "ModelShapeMismatch", "word_embeddings" },
        { "num_attention_heads", "0", "ModelConfigInvalid", "'num_attention_heads' is 0" },
        { "num_attention_heads", "8", "ModelShapeMismatch", "attention" },
        { "num_hidden_layers", "3", "ModelRecordInvalid", "ziplm.json" },
        { "intermediate_size", "5", "ModelRecordInvalid", "width 5" },
        { "vocab_size", "41", "ModelShapeMismatch", "word_embeddings" },
        { "max_position_embeddings", "64", "ModelShapeMismatch", "position_embeddings" },
        { "hidden_act", "\"sine\"", "ModelActivationUnknown", "'sine'" },
        { "position_embedding_type", "\"relative_key\"", "ModelConfigInvalid", "relative_key" },
        { "id2label", "{\"0\": \"a\", \"2\": \"b\"}", "ModelConfigInvalid", "'id2label'" },
        { "id2label", "{\"0\": \"a\", \"1\": \"b\"}", "ModelShapeMismatch", "classifier" },
        { "id2label", "{\"0\": \"a\", \"1\": \"b\", \"2\": null}", "ModelConfigInvalid", "'id2label'" },
        { "layer_norm_eps", "\"small\"", "ModelConfigInvalid", "'layer_norm_eps'" },
        { "hidden_dropout_prob", "1.5", "ModelConfigInvalid", "'hidden_dropout_prob' is 1.5" },
        { "classifier_dropout", "-0.1", "ModelConfigInvalid", "'classifier_dropout' is -0.1" },
    };

    [Theory]
    [MemberData(nameof(Configs))]
    public void A_config_that_is_wrong(string key, string? value, string id, string part)
    {
        _folder.Change("config.json", json =>
        {
            json.Remove(key);
            if (value is not null)
            {
                json[key] = JsonNode.Parse(value);
            }
        });
        Refused(id, part, _folder.Path);
    }

    /// <summary>Content of "layers" in ziplm.json.</summary>
    [Theory]
    [InlineData("""[{"layer":0,"heads":3,"width":7}]""")]
    [InlineData("""[{"layer":0,"heads":5,"width":7},{"layer":1,"heads":4,"width":24}]""")]
    [InlineData("""[{"layer":0,"heads":-1,"width":7},{"layer":1,"heads":4,"width":24}]""")]
    [InlineData("""[{"layer":0,"heads":3,"width":25},{"layer":1,"heads":4,"width":24}]""")]
    [InlineData("""[{"layer":1,"heads":3,"width":7},{"layer":0,"heads":4,"width":24}]""")]
    [InlineData("""[{"layer":0,"heads":"three","width":7},{"layer":1,"heads":4,"width":24}]""")]
    [InlineData("""[null,{"layer":1,"heads":4,"width":24}]""")]
    [InlineData("""{"0":3}""")]
    [InlineData("7")]
    public void A_record_whose_layers_cannot_be(string layers)
    {
        _folder.Change("ziplm.json", json => json["layers"] = JsonNode.Parse(layers));
        Refused("ModelRecordInvalid", "ziplm.json", _folder.Path);
    }

    [Theory]
    [InlineData("""[{"layer":0,"heads":2,"width":7},{"layer":1,"heads":4,"width":24}]""", "layer.0.attention.self.query")]
    [InlineData("""[{"layer":0,"heads":3,"width":8},{"layer":1,"heads":4,"width":24}]""", "layer.0.intermediate")]
    public void A_record_that_contradicts_the_weights(string layers, string part)
    {
        _folder.Change("ziplm.json", json => json["layers"] = JsonNode.Parse(layers));
        Refused("ModelShapeMismatch", part, "ziplm.json");
    }

    [Fact]
    public void A_pruned_checkpoint_without_its_record()
    {
        File.Delete(_folder.File("ziplm.json"));
        _folder.Change("config.json", json => json.Remove("ziplm"));
        Refused("ModelShapeMismatch", "layer.0.attention.self.query", "[12, 16]", "[16, 16]");
    }

    [Theory]
    [InlineData("2")]
    [InlineData("\"one\"")]
    [InlineData("null")]
    [InlineData("[]")]
    public void A_record_of_another_format(string format)
    {
        _folder.Change("ziplm.json", json => json["format"] = JsonNode.Parse(format));
        var error = Refused(null, "ziplm.json");
        Assert.Contains(error.ErrorId, new[] { "ZipLM.ModelRecordVersion", "ZipLM.ModelRecordInvalid" });
    }

    [Fact]
    public void A_record_that_is_no_JSON()
    {
        File.WriteAllText(_folder.File("ziplm.json"), "{ not");
        Refused("JsonInvalid", "ziplm.json");
    }

    [Fact]
    public void A_missing_tensor()
    {
        _folder.ChangeWeights((name, t) => name == Query ? null : (name, t));
        Refused("ModelTensorMissing", Query, _folder.Path);
    }

    [Fact]
    public void A_tensor_of_another_shape()
    {
        _folder.ChangeWeights((name, t) => (name, name == Query ? zeros(16, 15) : t));
        Refused("ModelShapeMismatch", Query, "[16, 15]", "[16, 16]");
    }

    [Fact]
    public void The_same_weights_under_two_names()
    {
        _folder.ChangeWeights((name, t) => (name, t), [("bert.embeddings.LayerNorm.gamma", ones(16))]);
        Refused("CheckpointNamesConflict", "LayerNorm.gamma", "LayerNorm.weight");
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Weights_that_are_not_finite(double value)
    {
        _folder.ChangeWeights((name, t) => (name, name == Query ? t.index_fill_(0, tensor(new[] { 3L }), value) : t));
        using var model = _folder.Open(_fixture.Session);
        var error = Assert.Throws<ZipLMException>(() => _fixture.Run(() => model.Weights(null, CancellationToken.None)));
        AssertError(error, "ModelWeightsNotFinite", Query, _folder.Path);
        Assert.False(model.IsResident);
    }

    [Fact]
    public void No_weights_at_all()
    {
        File.Delete(_folder.File("model.safetensors"));
        Refused("CheckpointMissing", _folder.Path);
    }

    [Fact]
    public void Weights_that_are_cut_off()
    {
        using (var file = File.OpenWrite(_folder.File("model.safetensors")))
        {
            file.SetLength(file.Length / 2);
        }

        Refused("CheckpointTruncated", "model.safetensors");
    }

    [Fact]
    public void No_config()
    {
        File.Delete(_folder.File("config.json"));
        Refused("JsonMissing", "config.json");
    }

    [Fact]
    public void No_tokenizer()
    {
        foreach (var file in new[] { "vocab.txt", "tokenizer.json", "tokenizer_config.json" })
        {
            File.Delete(_folder.File(file));
        }

        using var model = _folder.Open(_fixture.Session);
        AssertError(Assert.Throws<ZipLMException>(() => model.Tokenizer), "TokenizerNotFound", _folder.Path);
    }

    [Fact]
    public void A_tokenizer_with_more_pieces_than_the_model_has_embeddings()
    {
        new BertTokenizer([.. TinyBert.Tokenizer.Vocabulary, "more"]).Save(_folder.Path);
        using var model = _folder.Open(_fixture.Session);
        AssertError(Assert.Throws<ZipLMException>(() => model.Tokenizer), "TokenizerVocabularyMismatch", "41", "40", _folder.Path);
    }

    /// <summary>Not bad at all: many checkpoints round the rows of their embeddings up.</summary>
    [Fact]
    public void A_tokenizer_with_fewer_pieces_than_the_model_has_embeddings_serves()
    {
        new BertTokenizer([.. TinyBert.Tokenizer.Vocabulary.SkipLast(3)]).Save(_folder.Path);
        using var model = _folder.Open(_fixture.Session);
        Assert.Equal((37, 40), (model.Tokenizer.Count, model.VocabularySize));
        Assert.Equal(model.Tokenizer.Encode("w34", null, 8).Ids, model.Tokenizer.Encode("never", null, 8).Ids);
    }

    [Fact]
    public void A_disposed_model()
    {
        var model = _folder.Open(_fixture.Session);
        model.Dispose();
        Assert.Equal(ModelState.Disposed, model.State);
        AssertError(Assert.Throws<ZipLMException>(() => _fixture.Run(() => model.Weights(null, CancellationToken.None))), "ModelDisposed", model.Name);
    }

    [Fact]
    public void A_directory_that_exists_is_not_replaced_unasked_and_stays_as_it_was()
    {
        var before = File.ReadAllBytes(_folder.File("model.safetensors"));
        using var model = TinyBert.Model(_fixture.Session, 21);
        var error = Assert.Throws<ZipLMException>(() => HuggingFaceExport.Write(model, _folder.Path, replace: false, new RecordingReporter(), CancellationToken.None));
        AssertError(error, "ExportTargetExists", _folder.Path);
        Assert.Equal(before, File.ReadAllBytes(_folder.File("model.safetensors")));
        Assert.Equal(ModelState.NotSaved, model.State);
    }

    [Fact]
    public void A_cancelled_export_leaves_nothing()
    {
        using var model = TinyBert.Model(_fixture.Session, 22);
        var target = Path.Combine(_folder.Root, "new");
        Assert.Throws<OperationCanceledException>(() => HuggingFaceExport.Write(model, target, replace: false, new RecordingReporter(), new CancellationToken(canceled: true)));
        Assert.Equal([_folder.Path], Directory.GetFileSystemEntries(_folder.Root));
        Assert.Equal(ModelState.NotSaved, model.State);
    }

    private ZipLMException Refused(string? id, params string[] parts)
    {
        var error = Assert.Throws<ZipLMException>(() => _folder.Open(_fixture.Session));
        AssertError(error, id, parts);
        return error;
    }

    private static void AssertError(ZipLMException error, string? id, params string[] parts)
    {
        Assert.Equal(id is null ? error.ErrorId : "ZipLM." + id, error.ErrorId);
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        Assert.NotEmpty(error.Remedy);
        Assert.NotNull(error.Target);
    }
}
