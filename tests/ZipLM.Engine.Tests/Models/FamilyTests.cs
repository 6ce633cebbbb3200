using System.Text.Json.Nodes;
using TorchSharp;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Models;

/// <summary>What must be true of every model family.</summary>
public sealed class FamilyTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(24, seed: 40));
    private static readonly ForwardOptions WithHead = new() { Head = true };
    private readonly ModelFolder _folder = new();

    public static TheoryData<string> Names => TinyFamilies.Names;

    public static TheoryData<string> Families => TinyFamilies.Families;

    public void Dispose() => _folder.Dispose();

    /// <summary>The plain model reads the files by itself, so names and layout in a checkpoint are judged too; none may be left over.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void A_saved_model_computes_what_the_plain_computation_makes_of_its_files(string name)
    {
        foreach (var shapes in new[] { null, "1/7 0/24", "2/0 1/5", "0/0 0/0" })
        {
            using var made = TinyBert.Model(fixture.Session, 41, TinyFamilies.Describe(name, shapes));
            _folder.Write(made);
            using var model = _folder.Open(fixture.Session);
            Assert.Equal(made.Layers, model.Layers);
            Assert.Equal(made.Task, model.Task);
            var plain = new PlainModel(_folder.Path);
            fixture.Run(() =>
            {
                using var gradients = no_grad();
                using var batch = TinyBert.Batch(Data);
                Assert.True(batch.IsPadded);
                var weights = model.Weights(null, CancellationToken.None);
                Assert.Equal(model.Parameters, TinyBert.ParameterCount(weights));
                using var twin = model.Description.Family.Build(
                    model.Description, weights.Parameters.ToDictionary(p => p.Name, p => WeightHolder.Own(p.Parameter.to(float64))));
                foreach (var (own, tolerance) in new[] { (weights, 1e-5), (twin, 1e-12) })
                {
                    var output = own.Forward(batch, new() { KeepHidden = true, Head = true });
                    for (var row = 0; row < Data.Examples.Count; row++)
                    {
                        AssertSame(plain.Forward(Data.Examples[row].Ids, Data.Examples[row].TypeIds), output, row, tolerance);
                    }
                }
            });
            Assert.Empty(plain.Unused);
        }

        static void AssertSame((List<double[][]> Blocks, double[][] Last, double[][] Logits) expected, ModelOutput output, int row, double tolerance)
        {
            foreach (var (block, hidden) in expected.Blocks.Zip(output.Hidden, (b, h) => (b, h[row])).Append((expected.Last, output.LastHidden[row])))
            {
                AssertClose(block, hidden.narrow(0, 0, block.Length), tolerance);
            }

            Assert.Equal(expected.Logits.Length > 0, output.Logits is not null);
            if (output.Logits is { } logits)
            {
                AssertClose(expected.Logits, logits.dim() == 2 ? logits[row].unsqueeze(0) : logits[row].narrow(0, 0, expected.Logits.Length), tolerance);
            }
        }

        // Numbers are rounded relative to the largest that are added up.
        static void AssertClose(double[][] expected, Tensor actual, double tolerance)
        {
            Assert.Equal([expected.Length, expected[0].Length], actual.shape);
            var flat = expected.SelectMany(v => v).ToArray();
            TinyBert.AssertClose(flat, TinyBert.Values(actual), tolerance * Math.Max(1, flat.Max(Math.Abs)));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Saving_what_was_read_gives_the_same_file(string name)
    {
        using var made = TinyBert.Model(fixture.Session, 42, TinyFamilies.Describe(name, "1/7 2/24"));
        _folder.Write(made);
        var file = File.ReadAllBytes(_folder.File("model.safetensors"));
        using var model = _folder.Open(fixture.Session);
        Assert.Equal(Outputs(made), Outputs(model));
        using var other = new ModelFolder();
        other.Write(model);
        Assert.Equal(file, File.ReadAllBytes(other.File("model.safetensors")));
        Assert.Equal(File.ReadAllText(_folder.File("config.json")), File.ReadAllText(other.File("config.json")));
    }

    /// <summary>Central differences of a random projection of all outputs, in double precision.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_are_those_of_finite_differences(string name) => fixture.Run(() =>
    {
        const double Step = 1e-5;
        using var model = TinyBert.Create(TinyFamilies.Describe(name), 43, ScalarType.Float64);
        using var batch = new Batch(PaddedRows.From(Data, [0, 1, 2]), CPU);
        var random = new Random(44);
        Tensor? direction = null;
        model.RequireGradients(true);
        Loss().backward();
        foreach (var (parameterName, parameter) in model.Parameters)
        {
            // What no row of the batch uses, such as a position, has a gradient of zero.
            var gradient = TinyBert.Values(parameter.grad!);
            var largest = gradient.Index().MaxBy(g => Math.Abs(g.Item)).Index;
            foreach (var index in new[] { largest, random.Next(gradient.Length) })
            {
                using var none = no_grad();
                var element = parameter.view(-1)[index];
                element.add_(Step);
                var above = Loss().item<double>();
                element.sub_(2 * Step);
                var below = Loss().item<double>();
                element.add_(Step);
                var slope = (above - below) / (2 * Step);
                Assert.True(Math.Abs(slope - gradient[index]) <= 1e-6 * Math.Max(1, Math.Abs(slope)), $"{parameterName}[{index}]: {gradient[index]:G9}, by differences {slope:G9}.");
            }
        }

        Tensor Loss()
        {
            var output = model.Forward(batch, WithHead);
            var answer = output.Logits is { } logits ? logits : output.LastHidden;
            var real = answer.dim() == 3 ? answer[batch.Mask] : answer;
            direction ??= randn(real.shape, float64, generator: new Generator(45)).DetachFromDisposeScope();
            return (real * direction).sum();
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Stitched_equals_shrunk(string name) => fixture.Run(() =>
    {
        var description = TinyFamilies.Describe(name);
        using var model = TinyBert.Create(description, 46, ScalarType.Float64);
        using var statistics = Statistics(model);
        using var store = Order(model, statistics, 1e-2);
        using var batch = TinyBert.Batch(Data);
        var random = new Random(47);
        for (var i = 0; i < 12; i++)
        {
            using var scope = NewDisposeScope();
            List<LayerShape> plan = [.. description.Layers.Select(l => new LayerShape(l.Layer, i == 0 ? 0 : random.Next(l.Heads + 1), i == 0 ? 0 : random.Next(4) * random.Next(9)))];
            using var stitched = Stitcher.Stitch(model, store, plan);
            using var shrunk = Shrinker.Shrink(model, store, plan, CancellationToken.None);
            Assert.Equal(description.Layers, stitched.Shapes);
            Assert.Equal(plan, shrunk.Shapes);
            Assert.Equal(
                description.Family.Tensors(description with { Layers = plan }).Select(t => (t.Name, string.Join(' ', t.Shape))).Order(),
                shrunk.Parameters.Select(p => (p.Name, string.Join(' ', p.Parameter.shape))).Order());
            TinyBert.AssertClose(Real(stitched.Forward(batch, WithHead), batch), Real(shrunk.Forward(batch, WithHead), batch), 1e-11);
        }
    });

    /// <summary>What is left of an output matrix is the best there is on the calibration data, whichever structures went.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Removal_leaves_the_least_squares_solution(string name) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyFamilies.Describe(name), 48, ScalarType.Float64);
        using var statistics = Statistics(model);
        using var store = Order(model, statistics, 0);
        using var batch = TinyBert.Batch(Data);
        foreach (var sublayer in Enum.GetValues<Sublayer>())
        {
            var block = model.Blocks[1];
            var (output, size, count) = sublayer == Sublayer.Attention
                ? (block.Attention!.Output, block.Attention.StructureSize, block.Attention.Heads)
                : (block.FeedForward!.Output, 1, block.FeedForward.Width);
            Assert.Equal(output.Weight.shape[1], count * size);
            Tensor? seen = null;
            model.Forward(batch, new() { Observe = (layer, kind, input) => seen = layer == 1 && kind == sublayer ? input[batch.Mask].DetachFromDisposeScope() : seen });
            using var tokens = seen!;
            var wanted = tokens.matmul(output.Weight.t());
            for (var level = 1; level < count; level++)
            {
                var (kept, weight) = store[1, sublayer].Rebuild(level);
                var columns = tensor(kept.SelectMany(s => Enumerable.Range(s * size, size)).Select(i => (long)i).ToArray());
                var expected = linalg.lstsq(tokens.index_select(1, columns), wanted).Solution.t();
                TinyBert.AssertTensorsClose(expected, weight, 1e-6);
            }
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Padding_changes_nothing(string name) => fixture.Run(() =>
    {
        using var gradients = no_grad();
        using var model = TinyBert.Create(TinyFamilies.Describe(name), 49);
        using var batch = TinyBert.Batch(Data);
        var before = Real(model.Forward(batch, WithHead), batch);
        batch.InputIds.masked_fill_(batch.Mask.logical_not(), 9);
        Assert.Equal(before, Real(model.Forward(batch, WithHead), batch));
        var alone = TinyBert.Rows(Data).Select(row => model.Forward(row, WithHead)).ToList();
        TinyBert.AssertClose([.. alone.SelectMany(o => TinyBert.Values(o.LastHidden)), .. alone.SelectMany(o => o.Logits is null ? [] : TinyBert.Values(o.Logits))], before, 1e-5);
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Only_encoders_look_ahead(string name) => fixture.Run(() =>
    {
        using var gradients = no_grad();
        using var model = TinyBert.Create(TinyFamilies.Describe(name), 50);
        using var batch = Batch.Random(2, 12, 40, 51, CPU);
        var before = model.Forward(batch).LastHidden.narrow(1, 0, 11);
        batch.InputIds.narrow(1, 11, 1).add_(1).remainder_(40);
        var after = model.Forward(batch).LastHidden.narrow(1, 0, 11);
        var causal = name.StartsWith("gpt2", StringComparison.Ordinal) || name.StartsWith("llama", StringComparison.Ordinal);
        Assert.Equal(causal, TinyBert.Values(before).SequenceEqual(TinyBert.Values(after)));
    });

    /// <summary>Read in pieces, with what went before in the cache, a text gives what it gives at once.</summary>
    [Theory]
    [InlineData("gpt2 causal", null)]
    [InlineData("gpt2 causal", "1/7 0/24")]
    [InlineData("llama causal", null)]
    [InlineData("llama causal", "0/0 1/24")]
    [InlineData("llama causal untied, biases, wide heads, stretched", null)]
    public void Causal_models_go_on_from_a_cache(string name, string? shapes) => fixture.Run(() =>
    {
        using var gradients = no_grad();
        using var model = TinyBert.Create(TinyFamilies.Describe(name, shapes), 59, ScalarType.Float64);
        using var whole = Batch.Random(2, 14, 40, 60, CPU);
        var expected = model.Forward(whole).Logits!;
        using var cache = new KeyValueCache();
        foreach (var length in new[] { 5, 1, 1, 4, 1, 2 })
        {
            using var piece = Batch.Random(2, length, 40, 61, CPU);
            piece.InputIds.copy_(whole.InputIds.narrow(1, cache.Length, length));
            var part = expected.narrow(1, cache.Length, length);
            TinyBert.AssertTensorsClose(part, model.Forward(piece, new() { Cache = cache }).Logits!, 1e-11);
        }

        Assert.Equal(14, cache.Length);
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Only_the_head_of_a_task_answers_unasked(string name) => fixture.Run(() =>
    {
        var description = TinyFamilies.Describe(name);
        using var model = TinyBert.Create(description, 64);
        using var batch = TinyBert.Batch(Data);
        Assert.Equal(description.Task is not (ModelTask.FeatureExtraction or ModelTask.MaskedLanguageModeling), model.Forward(batch).Logits is not null);
        Assert.Equal(description.Task != ModelTask.FeatureExtraction, model.Forward(batch, WithHead).Logits is not null);
        Assert.Null(model.Forward(batch, new() { Head = false }).Logits);
    });

    [Fact]
    public void An_encoder_has_no_cache() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(62);
        using var batch = Batch.Random(1, 4, 40, 63, CPU);
        using var cache = new KeyValueCache();
        Assert.Throws<ArgumentException>(() => model.Forward(batch, new() { Cache = cache }));
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Checkpoints_as_others_write_them_are_read(string name)
    {
        using var made = TinyBert.Model(fixture.Session, 52, TinyFamilies.Describe(name));
        RoundToHalf(made);
        var expected = Outputs(made);
        var prefix = made.ModelFamily switch { "xlm-roberta" => "roberta.", "gpt2" => "transformer.", "llama" => "model.", var type => type + "." };
        foreach (var type in new[] { ScalarType.Float16, ScalarType.BFloat16 })
        {
            _folder.Write(made);
            // Without the prefix, under legacy names, in half precision, in shards, with buffers beside the weights.
            _folder.ChangeWeights(
                (n, t) => ((n.StartsWith(prefix, StringComparison.Ordinal) ? n[prefix.Length..] : n)
                    .Replace("LayerNorm.weight", "LayerNorm.gamma", StringComparison.Ordinal).Replace("LayerNorm.bias", "LayerNorm.beta", StringComparison.Ordinal), t.to(type)),
                made.ModelFamily switch
                {
                    "gpt2" => [("h.0.attn.bias", ones(1, 1, 32, 32, ScalarType.Bool)), ("h.0.attn.masked_bias", tensor(-1e4f))],
                    "llama" => [("layers.0.self_attn.rotary_emb.inv_freq", ones(2))],
                    _ => [("embeddings.position_ids", arange(32, int64).unsqueeze(0))],
                },
                maximumShardBytes: 2000);
            Assert.True(Directory.GetFiles(_folder.Path, "*.safetensors").Length > 3);
            using var again = _folder.Open(fixture.Session);
            Assert.Equal(expected, Outputs(again));
        }
    }

    /// <summary>A tied matrix that is stored once more is not another one.</summary>
    [Theory]
    [InlineData("bert masked", "cls.predictions.decoder.weight")]
    [InlineData("roberta masked", "lm_head.decoder.weight")]
    [InlineData("distilbert masked", "vocab_projector.weight")]
    [InlineData("gpt2 causal", "lm_head.weight")]
    [InlineData("llama causal", "lm_head.weight")]
    public void Tied_embeddings_are_one_matrix(string name, string stored)
    {
        using var made = TinyBert.Model(fixture.Session, 53, TinyFamilies.Describe(name));
        var expected = Outputs(made);
        _folder.Write(made);
        var file = File.ReadAllBytes(_folder.File("model.safetensors"));
        _folder.ChangeWeights((n, t) => (n, t), [(stored, zeros(40, 16))]);
        using var again = _folder.Open(fixture.Session);
        Assert.Equal(expected, Outputs(again));
        using var other = new ModelFolder();
        other.Write(again);
        Assert.Equal(file, File.ReadAllBytes(other.File("model.safetensors")));

        _folder.Change("config.json", c => c["tie_word_embeddings"] = false);
        using (var untied = _folder.Open(fixture.Session))
        {
            Assert.NotEqual(expected, Outputs(untied));
        }

        _folder.Write(made);
        _folder.Change("config.json", c => c["tie_word_embeddings"] = false);
        Assert.Contains(stored, Assert.Throws<ZipLMException>(() => _folder.Open(fixture.Session)).Message, StringComparison.Ordinal);
    }

    /// <summary>The embeddings are what is read; a decoder that stands in for them is not guessed at.</summary>
    [Theory]
    [InlineData("gpt2 causal", "transformer.wte.weight")]
    [InlineData("llama causal", "model.embed_tokens.weight")]
    public void Tied_embeddings_that_are_missing_are_named(string name, string embeddings)
    {
        using var made = TinyBert.Model(fixture.Session, 54, TinyFamilies.Describe(name));
        _folder.Write(made);
        _folder.ChangeWeights((n, t) => n == embeddings ? ("lm_head.weight", t) : (n, t));
        var error = Assert.Throws<ZipLMException>(() => _folder.Open(fixture.Session));
        Assert.Equal("ZipLM.ModelTensorMissing", error.ErrorId);
        Assert.Contains(embeddings, error.Message, StringComparison.Ordinal);
    }

    /// <summary>The road of the defaults, with times made up; a checkpoint without a task goes it as well.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void A_model_is_pruned_saved_and_read_again(string name)
    {
        using var model = TinyBert.Model(fixture.Session, 54, TinyFamilies.Describe(name));
        var results = new List<Model>();
        OneShotPruning.Run(model, TinyBert.Data(60, seed: 55), new() { Speedups = [2], Table = MadeUpTable.Of(model), Rounds = 3 }, results.Add, new RecordingReporter(), CancellationToken.None);
        using var pruned = (TransformerModel)Assert.Single(results);
        Assert.True(pruned.Parameters < model.Parameters);
        _folder.Write(pruned);
        using var again = _folder.Open(fixture.Session);
        Assert.Equal(pruned.Layers, again.Layers);
        Assert.Equal(model.Task, again.Task);
        Assert.Equal(Outputs(pruned), Outputs(again));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Every_level_can_be_timed(string name)
    {
        using var model = TinyBert.Model(fixture.Session, 56, TinyFamilies.Describe(name));
        var table = LatencyFlow.Run(model, null, 1, 16, 3, new RecordingReporter(), CancellationToken.None);
        Assert.Equal(LevelGrid.Heads(model.DenseHeads), table.LevelsOf(Sublayer.Attention));
        Assert.Equal(LevelGrid.Widths(24), table.LevelsOf(Sublayer.FeedForward));
    }

    /// <summary>In training after inference: tables that were made without gradients must not stand in the way.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Inference_does_not_hinder_training(string name) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyFamilies.Describe(name), 57);
        using var batch = TinyBert.Batch(Data);
        using (inference_mode())
        {
            model.Forward(batch);
        }

        using var copy = model.Copy();
        copy.RequireGradients(true);
        copy.Forward(batch, new() { Training = true }).LastHidden.sum().backward();
        Assert.NotNull(copy.Blocks[0].Attention!.Query.Weight.grad);
        Assert.Equal(TinyBert.ParameterCount(model), TinyBert.ParameterCount(copy));
    });

    [Fact]
    public void A_copy_is_tied_to_its_own_embeddings() => fixture.Run(() =>
    {
        using var gradients = no_grad();
        using var model = TinyBert.Create(TinyFamilies.Describe("gpt2 causal"), 58);
        using var batch = TinyBert.Batch(Data);
        var before = TinyBert.Values(model.Forward(batch).Logits!);
        using (var copy = model.Copy())
        {
            copy.Embeddings.Words.Weight.zero_();
            Assert.All(TinyBert.Values(copy.Forward(batch).Logits!), v => Assert.Equal(0, v));
        }

        Assert.Equal(before, TinyBert.Values(model.Forward(batch).Logits!));
    });

    /// <summary>Model family and a change to its config, error id, parts of the message or remedy.</summary>
    public static TheoryData<string, string, string?, string, string> Refusals { get; } = new()
    {
        { "gpt2 causal", "architectures", "[\"GPT2DoubleHeadsModel\"]", "ModelArchitectureUnknown", "GPT2DoubleHeadsModel" },
        { "llama causal", "model_type", "\"mamba\"", "ModelFamilyUnknown", "'mamba'" },
        { "llama causal", "num_key_value_heads", "3", "ModelConfigInvalid", "not a multiple of num_key_value_heads 3" },
        { "llama causal", "head_dim", "5", "ModelConfigInvalid", "size 5" },
        { "llama causal", "rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 2.0}", "ModelConfigInvalid", "'yarn'" },
        { "llama causal", "rope_scaling", "{\"rope_type\": \"linear\"}", "ModelConfigInvalid", "'factor'" },
        { "llama causal", "rope_scaling", "7", "ModelConfigInvalid", "'rope_scaling'" },
        { "llama causal", "rope_theta", "-1", "ModelConfigInvalid", "'rope_theta'" },
        { "llama causal", "tie_word_embeddings", "\"yes\"", "ModelConfigInvalid", "'tie_word_embeddings'" },
        { "llama causal", "rms_norm_eps", "\"small\"", "ModelConfigInvalid", "'rms_norm_eps'" },
        { "gpt2 causal", "n_head", "3", "ModelConfigInvalid", "n_embd 16 is not a multiple of n_head 3" },
        { "gpt2 causal", "scale_attn_by_inverse_layer_idx", "true", "ModelConfigInvalid", "scale_attn_by_inverse_layer_idx" },
        { "gpt2 causal", "activation_function", "\"sine\"", "ModelActivationUnknown", "'sine'" },
        { "distilbert masked", "dim", "18", "ModelConfigInvalid", "dim 18" },
        { "distilbert masked", "n_layers", null, "ModelConfigInvalid", "'n_layers' is missing" },
        { "roberta classification", "pad_token_id", "-1", "ModelConfigInvalid", "'pad_token_id'" },
        { "roberta classification", "pad_token_id", "40", "ModelConfigInvalid", "leaves no position" },
        { "roberta classification", "problem_type", "\"multi_label_classification\"", "ModelConfigInvalid", "multi_label_classification" },
        { "bert regression", "problem_type", "\"single_label_classification\"", "ModelConfigInvalid", "with 1 labels" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_config_that_is_wrong_or_not_supported(string name, string key, string? value, string id, string part)
    {
        var error = Assert.Throws<ZipLMException>(() => TinyFamilies.Describe(name, change: c => c[key] = value is null ? null : JsonNode.Parse(value)));
        Assert.Equal("ZipLM." + id, error.ErrorId);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        if (id is "ModelFamilyUnknown" or "ModelArchitectureUnknown")
        {
            Assert.Contains(id == "ModelFamilyUnknown" ? "LlamaForCausalLM" : "GPT2LMHeadModel", error.Remedy, StringComparison.Ordinal);
        }
    }

    /// <summary>Hidden states and logits where there are tokens.</summary>
    private static double[] Real(ModelOutput output, Batch batch) =>
        [.. TinyBert.Values(output.LastHidden[batch.Mask]), .. output.Logits is null ? [] : TinyBert.Values(output.Logits.dim() == 3 ? output.Logits[batch.Mask] : output.Logits)];

    private static CalibrationStatistics Statistics(Transformer model) =>
        CalibrationStatistics.Collect(model, [TinyBert.Batch(Data)], CancellationToken.None);

    private static PruningStore Order(Transformer model, CalibrationStatistics statistics, double damping) =>
        PruningStore.Build(model, statistics, damping, new RecordingReporter(), CancellationToken.None);

    /// <summary>Values that half precision holds exactly: the answer must then be exactly the same.</summary>
    private void RoundToHalf(TransformerModel model) => fixture.Run(() =>
    {
        using var gradients = no_grad();
        foreach (var (_, parameter) in model.Weights(null, CancellationToken.None).Parameters)
        {
            parameter.copy_((parameter * 16).round() / 16);
        }
    });

    private double[] Outputs(TransformerModel model)
    {
        double[] values = [];
        fixture.Run(() =>
        {
            using var gradients = no_grad();
            using var batch = TinyBert.Batch(Data);
            var output = model.Weights(null, CancellationToken.None).Forward(batch, WithHead);
            values = [.. TinyBert.Values(output.LastHidden), .. output.Logits is null ? [] : TinyBert.Values(output.Logits)];
        });
        return values;
    }
}
