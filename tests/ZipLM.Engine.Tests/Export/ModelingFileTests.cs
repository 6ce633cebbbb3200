using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;
using ZipLM.Engine.Tests.Data;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Export;

/// <summary>What a pruned model's directory gives to transformers.</summary>
public sealed class ModelingFileTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private static readonly string[] Shapes = ["1/7 0/24", "2/0 1/5", "0/0 0/0"];
    private readonly ModelFolder _folder = new();

    public static TheoryData<string> Names => TinyFamilies.Names;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_pruned_model_comes_with_the_classes_that_its_config_names(string name)
    {
        using var model = TinyBert.Model(fixture.Session, 80, TinyFamilies.Describe(name, "1/7 0/24"));
        _folder.Write(model);
        var config = JsonFile.Read(_folder.File("config.json"));
        var text = File.ReadAllText(_folder.File("modeling_ziplm.py"));
        foreach (var (_, reference) in config["auto_map"]!.AsObject())
        {
            Assert.Contains($"class {reference!.ToString().Replace("modeling_ziplm.", "", StringComparison.Ordinal)}(", text, StringComparison.Ordinal);
        }

        Assert.Equal(model.Task == ModelTask.FeatureExtraction ? 1 : 2, config["auto_map"]!.AsObject().Count);
        Assert.Equal("[[1,7],[0,24]]", config["ziplm"]!["layers"]!.ToJsonString());
        Assert.Equal(model.ModelFamily == "llama", config["ziplm"]!["frequencies"] is not null);
        var imports = text.Split('\n').Where(l => l.StartsWith("import ", StringComparison.Ordinal) || l.StartsWith("from ", StringComparison.Ordinal));
        Assert.All(imports, line => Assert.Contains(line.Split(' ')[1].Split('.')[0], (string[])["torch", "transformers"]));
    }

    [Fact]
    public void A_dense_model_needs_no_classes_and_sheds_those_it_had()
    {
        using var dense = TinyBert.Model(fixture.Session, 81);
        _folder.Write(dense);
        Assert.False(File.Exists(_folder.File("modeling_ziplm.py")));
        var plain = File.ReadAllText(_folder.File("config.json"));
        var own = TinyBert.Describe(change: c =>
        {
            c["auto_map"] = new JsonObject { ["AutoModel"] = "modeling_ziplm.BertModel", ["AutoTokenizer"] = "mine.Tokenizer" };
            c["ziplm"] = new JsonObject { ["layers"] = new JsonArray() };
        });
        using var again = TinyBert.Model(fixture.Session, 81, own);
        _folder.Write(again);
        var config = JsonFile.Read(_folder.File("config.json"));
        Assert.Equal("""{"AutoTokenizer":"mine.Tokenizer"}""", config["auto_map"]!.ToJsonString());
        config.Remove("auto_map");
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(plain), config));
    }

    /// <summary>Training in Python saves config.json, weights and modeling_ziplm.py again, but no ziplm.json.</summary>
    [Theory]
    [InlineData("bert classification")]
    [InlineData("llama causal")]
    public void A_pruned_model_comes_back_from_Python_without_its_record(string name)
    {
        using var model = TinyBert.Model(fixture.Session, 84, TinyFamilies.Describe(name, "1/7 0/24"));
        File.Delete(_folder.Write(model).File("ziplm.json"));
        using var again = _folder.Open(fixture.Session);
        Assert.Equal(model.Layers, again.Layers);
        using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(3, 85)));
        fixture.Run(() => TinyBert.AssertTensorsClose(Answers(model), Answers(again), 0));

        Tensor Answers(TransformerModel from) => from.Weights(null, CancellationToken.None).Forward(batch, new() { Head = true }).Logits!;
    }

    [Theory]
    [InlineData("[[1,7],[0]]")]
    [InlineData("[[1,7],null]")]
    [InlineData("[[1,7],[0,\"x\"]]")]
    [InlineData("{}")]
    [InlineData("[[1,7],[9,24]]")]
    public void Layers_that_config_gets_wrong_are_an_error(string layers)
    {
        using var model = TinyBert.Model(fixture.Session, 84, TinyFamilies.Describe("bert classification", "1/7 0/24"));
        File.Delete(_folder.Write(model).File("ziplm.json"));
        _folder.Change("config.json", c => c["ziplm"]!["layers"] = JsonNode.Parse(layers));
        var error = Assert.Throws<ZipLMException>(() => _folder.Open(fixture.Session));
        Assert.Equal("ZipLM.ModelRecordInvalid", error.ErrorId);
        Assert.Contains("config.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_config_tells_the_type_that_is_written()
    {
        using var model = TinyBert.Model(fixture.Session, 86, TinyBert.Describe(change: c => (c["torch_dtype"], c["dtype"]) = ("float16", "float16")));
        var config = JsonFile.Read(_folder.Write(model).File("config.json"));
        Assert.Equal(("float32", "float32"), ((string?)config["torch_dtype"], (string?)config["dtype"]));
    }

    [Theory]
    [InlineData("bert bare", "BertTokenizer")]
    [InlineData("distilbert spans", "DistilBertTokenizer")]
    public void The_tokenizer_is_one_that_gives_what_the_model_reads(string name, string expected)
    {
        using var model = TinyBert.Model(fixture.Session, 87, TinyFamilies.Describe(name));
        var config = JsonFile.Read(_folder.Write(model).File("tokenizer_config.json"));
        Assert.Equal(expected, (string?)config["tokenizer_class"]);
        Assert.Equal(model.Description.TextTypes < 2 ? """["input_ids","attention_mask"]""" : null, config["model_input_names"]?.ToJsonString());
    }

    [Fact]
    public void Files_for_others_stay_as_they_are()
    {
        using var model = TinyBert.Model(fixture.Session, 88, TinyFamilies.Describe("gpt2 causal"));
        _folder.Write(model);
        foreach (var file in new[] { "generation_config.json", "special_tokens_map.json" })
        {
            File.WriteAllText(_folder.File(file), $$"""{ "of": "{{file}}" }""");
        }

        using var read = _folder.Open(fixture.Session);
        // Written over itself, and elsewhere.
        _folder.Write(read);
        var copy = Path.Combine(_folder.Root, "copy");
        HuggingFaceExport.Write(read, copy, replace: false, new RecordingReporter(), TestContext.Current.CancellationToken);
        foreach (var file in new[] { "generation_config.json", "special_tokens_map.json" })
        {
            Assert.Equal($$"""{ "of": "{{file}}" }""", File.ReadAllText(_folder.File(file)));
            Assert.Equal($$"""{ "of": "{{file}}" }""", File.ReadAllText(Path.Combine(copy, file)));
        }
    }

    /// <summary>Without it, save_pretrained of transformers 5 leaves the classes out.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Each_class_says_who_loads_it(string name)
    {
        var model = TinyFamilies.Describe(name, "1/7 0/24");
        var text = ModelingFile.Text(model);
        Assert.Contains("_auto_class = \"AutoModel\"", Body(model.Family.BareArchitecture), StringComparison.Ordinal);
        if (ModelingFile.AutoClass(model.Task) is { } auto)
        {
            Assert.Contains($"_auto_class = \"{auto}\"", Body(model.Architecture), StringComparison.Ordinal);
        }

        string Body(string type) => text.Split($"class {type}(")[1].Split("\nclass ")[0];
    }

    /// <summary>
    /// Needs python3 with torch, which a build machine rarely has; run it with <c>--explicit only</c>. <c>ZIPLM_PYTHON</c>
    /// names the interpreter. With transformers installed there it judges the real loading, else that of a stand-in.
    /// <c>ZIPLM_MODELING_OUT</c> names a folder where the models and our answers stay, for a machine that has it:
    /// <c>check_modeling.py FOLDER</c> needs no more than that.
    /// </summary>
    [Fact(Explicit = true)]
    public void Python_answers_as_we_do()
    {
        using var temporary = new TemporaryFolder();
        var kept = Environment.GetEnvironmentVariable("ZIPLM_MODELING_OUT");
        var folder = Directory.CreateDirectory(kept ?? temporary.Path).FullName;
        foreach (var (name, shapes) in TinyFamilies.Names.SelectMany(n => Shapes.Select(s => (n.Data, s))))
        {
            using var model = TinyBert.Model(fixture.Session, 82, TinyFamilies.Describe(name, shapes));
            var path = Path.Combine(folder, string.Concat($"{name} {shapes}".Select(c => char.IsLetterOrDigit(c) ? c : '_')));
            HuggingFaceExport.Write(model, path, replace: true, new RecordingReporter(), TestContext.Current.CancellationToken);
            fixture.Run(() => File.WriteAllText(path + ".json", Expected(model).ToJsonString()));
        }

        var script = Path.Combine(Root(), "tests", "modeling", "check_modeling.py");
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("ZIPLM_PYTHON") ?? "python3", [script, folder]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        TestContext.Current.TestOutputHelper!.WriteLine(output);
        Assert.True(process.ExitCode == 0, output);
        Assert.Contains($"{TinyFamilies.Names.Count * Shapes.Length} of ", output, StringComparison.Ordinal);
    }

    private static JsonObject Expected(TransformerModel model)
    {
        using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(6, 83)));
        var output = model.Weights(null, CancellationToken.None).Forward(batch, new() { Head = true });
        return new()
        {
            ["auto_class"] = ModelingFile.AutoClass(model.Task),
            ["family"] = model.ModelFamily,
            ["uses_types"] = model.ModelFamily == "bert",
            ["layers"] = model.Layers.Count,
            ["input_ids"] = Json(batch.InputIds),
            ["attention_mask"] = Json(batch.Mask),
            ["token_type_ids"] = Json(batch.TypeIds),
            ["last_hidden_state"] = Json(output.LastHidden),
            ["logits"] = output.Logits is { } logits ? Json(logits) : null,
        };
    }

    private static JsonNode Json(Tensor values) => values.dim() == 0
        ? values.dtype is ScalarType.Float32 ? values.item<float>() : values.to(int64).item<long>()
        : new JsonArray([.. Enumerable.Range(0, (int)values.shape[0]).Select(i => Json(values[i]))]);

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "ZipLM.PS.sln")))
        {
            folder = folder.Parent;
        }

        return folder.FullName;
    }
}
