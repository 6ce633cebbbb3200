using System.Text.RegularExpressions;
using Xunit;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Data;
using ZipLM.Engine.Recipes;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Recipes;

/// <summary>What a recipe says, and what is wrong in it, with its place.</summary>
public sealed partial class RecipeFileTests : IDisposable
{
    private const string Text = """
        schema: 1
        name: toy
        model: somewhere
        data:
          train: train.tsv
          validation: {path: dev.tsv, label_column: topic}
        environment:
          device: cpu
          batch_size: 4
        targets: [1.5, 2, 3]
        schedule: OneShot
        distillation:
          epochs: 0.5
          learning_rate: 1e-4
          losses: {logit: 1, token: 0.25}
        exports: [HuggingFace, OnnxInt8]

        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("ziplm-recipe-").FullName;

    public RecipeFileTests()
    {
        Write("train.tsv", "text\tlabel\na\tb\n");
        Write("dev.tsv", "text\ttopic\na\tb\n");
    }

    [Fact]
    public void What_it_says_is_read_and_what_it_does_not_say_is_as_documented()
    {
        var recipe = Read(Text);
        Assert.Equal(("toy", "somewhere", RecipeSchedule.OneShot), (recipe.Name, recipe.Model, recipe.Schedule));
        Assert.Equal([1.5, 2, 3], recipe.Targets);
        Assert.Equal(new RecipeDataset(In("train.tsv"), null, null, null, null), recipe.Data.Train);
        Assert.Equal(new RecipeDataset(In("dev.tsv"), null, null, null, "topic"), recipe.Data.Validation);
        Assert.Equal((recipe.Data.Train, recipe.Data.Validation), (recipe.Data.Calibration, recipe.Data.Evaluation));
        Assert.Equal(new RecipeLatency(null, false, 4, null, null, null), recipe.Latency);
        Assert.Equal(new RecipePruning(PruningCriterion.ZipLM, true, 0.01, 256, null, true, 200), recipe.Pruning);
        Assert.Null(recipe.EvaluationRounds);
        Assert.Equal((7, null), (Read(Text + "evaluation: {rounds: 7}\n").EvaluationRounds, Read(Text + "evaluation: {rounds: auto}\n").EvaluationRounds));
        Assert.Equal((0.5, 1e-4, 32), (recipe.Distillation!.Epochs, recipe.Distillation.LearningRate, recipe.Distillation.BatchSize));
        Assert.Equal(new(0, 1, 0.25), recipe.Distillation.Weights);
        Assert.Null(recipe.FineTune);
        Assert.Equal([RecipeExport.HuggingFace, RecipeExport.OnnxInt8], recipe.Exports);
        Assert.Equal(("cpu", Precision.Float32, 0, 0), (recipe.Session.Device, recipe.Session.Precision, recipe.Session.Threads, recipe.Session.Seed));
    }

    [Theory]
    [InlineData("CPU", "cpu")]
    [InlineData("Cuda:1", "cuda:1")]
    [InlineData("Auto", "auto")]
    public void A_device_is_named_in_any_case(string written, string meant) =>
        Assert.Equal(meant, Read(Text.Replace("device: cpu", $"device: {written}", StringComparison.Ordinal)).Session.Device);

    [Fact]
    public void A_path_of_an_included_recipe_is_relative_to_that_one_whatever_is_added_beside_it()
    {
        Directory.CreateDirectory(In("sub"));
        Write("sub/train.tsv", "text\tlabel\nc\td\n");
        Write("sub/base.yaml", "schema: 1\ndata: {train: {path: train.tsv}}\n");
        var recipe = Read(Text.Replace("schema: 1", "schema: 1\ninclude: [sub/base.yaml]", StringComparison.Ordinal).Replace("  train: train.tsv", "  train: {label_column: label}", StringComparison.Ordinal));
        Assert.Equal(new RecipeDataset(In("sub/train.tsv"), null, null, null, "label"), recipe.Data.Train);
    }

    /// <summary>The command's own, which is built before the engine is there.</summary>
    [Fact]
    public void Losses_that_are_not_said_are_those_of_the_command()
    {
        Assert.Equal(new LossWeights(0.5, 0.5, 0.01), Read(Text.Replace("  losses: {logit: 1, token: 0.25}\n", "", StringComparison.Ordinal)).Distillation!.Weights);
    }

    [Fact]
    public void A_data_set_says_how_it_is_read()
    {
        Write("stories.txt", "a\n");
        var recipe = Read(Text.Replace("environment:", """
              calibration: {path: stories.txt, delimiter: "\n--\n"}
              evaluation: {path: dev.tsv, task: sst2, answer_column: x}
            environment:
            """, StringComparison.Ordinal));
        Assert.Equal(new RecipeDataset(In("stories.txt"), null, null, null, null) { Delimiter = "\n--\n" }, recipe.Data.Calibration);
        Assert.Equal(new RecipeDataset(In("dev.tsv"), null, null, null, null) { Task = "sst2", AnswerColumn = "x" }, recipe.Data.Evaluation);
    }

    [Fact]
    public void Training_search_and_runtime_have_keys_of_their_own()
    {
        var recipe = Read(Text.Replace("  batch_size: 4", "  runtime: OnnxRuntime\n  precision: Int8\n  measured_threads: 1", StringComparison.Ordinal).Replace("  epochs: 0.5", """
              schedule: Cosine
              label_smoothing: 0.1
              layer_rate_decay: 0.9
              patience: 2
              keep_best: true
              micro_batch_size: 8
              gradient_checkpointing: true
              checkpoint_seconds: 2.5
              cache_limit: 5e9
              token_distance: NormalizedSquared
              layer_matching: Similarity
            """, StringComparison.Ordinal) + "pruning: {search_trials: 50}\n");
        var training = recipe.Distillation!;
        Assert.Equal((LearningRateSchedule.Cosine, 0.1, 0.9, 2, true), (training.Schedule, training.LabelSmoothing, training.LayerRateDecay, training.Patience, training.KeepBest));
        Assert.Equal((8, true, TimeSpan.FromSeconds(2.5), 5_000_000_000), (training.MicroBatchSize, training.GradientCheckpointing, training.CheckpointInterval, training.CacheLimit));
        Assert.Equal((TokenDistance.NormalizedSquared, LayerMatching.Similarity), (training.TokenDistance, training.LayerMatching));
        Assert.Equal(50, recipe.Pruning.SearchTrials);
        // What is exported to INT8 is in single precision here.
        Assert.Equal(new(InferenceRuntime.OnnxRuntime, Precision.Int8, Threads: 1), recipe.Latency.Runtime);
        Assert.Equal(new(InferenceRuntime.Torch, Threads: 2), Read(Text.Replace("  batch_size: 4", "  measured_threads: 2", StringComparison.Ordinal)).Latency.Runtime);
        Assert.Equal(Precision.Float32, recipe.Session.Precision);
    }

    /// <summary>The place is that of the first character of what is wrong.</summary>
    [Theory]
    [InlineData("schema: 1", "schema: 2", 1, 9, "schema 2")]
    [InlineData("  batch_size: 4", "  batch_size: 4\n  generated_tokens: -1", 10, 21, "at least 0")]
    [InlineData("schema: 1", "schema: 1\nevaluation: {rounds: often}", 2, 22, "auto, or a whole number of at least 3")]
    [InlineData("schema: 1", "shema: 1", 1, 1, "'schema' is missing; 'shema' is there")]
    [InlineData("name: toy", "name: to/y", 2, 7, "cannot be the name of a directory")]
    [InlineData("targets: [1.5, 2, 3]", "tragets: [1.5, 2, 3]", 1, 1, "'targets' is missing; 'tragets' is there")]
    [InlineData("targets: [1.5, 2, 3]", "targets: [1.5, 3, 2]", 10, 10, "2 comes after 3")]
    [InlineData("targets: [1.5, 2, 3]", "targets: [1.5, 2, 2]", 10, 10, "2 is there twice")]
    [InlineData("targets: [1.5, 2, 3]", "targets: [0.5, 2]", 10, 10, "0.5 would not make the model faster")]
    [InlineData("targets: [1.5, 2, 3]", "targets: []", 10, 10, "must be a list of numbers")]
    [InlineData("targets: [1.5, 2, 3]", "targets: [1.5, two]", 10, 16, "but is 'two'")]
    [InlineData("targets: [1.5, 2, 3]", "targets: 2", 10, 10, "must be a list of numbers")]
    [InlineData("  batch_size: 4", "  measured_threads: 0", 9, 21, "at least 1")]
    [InlineData("  batch_size: 4", "  measured_threads: 2\nlatency: {table: train.tsv}", 9, 21, "a recorded table has a runtime and threads of its own")]
    [InlineData("  device: cpu", "  device: gpu", 8, 11, "use auto, cpu, cuda or cuda:N")]
    [InlineData("  batch_size: 4", "  precision: Int8", 9, 14, "write runtime: OnnxRuntime")]
    [InlineData("  epochs: 0.5", "  checkpoint_seconds: -1", 13, 23, "a number of at least 0")]
    [InlineData("schema: 1", "schema: &s {a: *s}", 1, 9, "an alias of itself")]
    [InlineData("schedule: OneShot", "schedule: OneShoot", 11, 11, "did you mean 'OneShot'?")]
    [InlineData("  learning_rate: 1e-4", "  lerning_rate: 1e-4", 14, 3, "did you mean 'learning_rate'?")]
    [InlineData("  learning_rate: 1e-4", "  learning_rate: fast", 14, 18, "'learning_rate' must be a number above 0, but is 'fast'")]
    [InlineData("  learning_rate: 1e-4", "  learning_rate: 0", 14, 18, "above 0")]
    [InlineData("  learning_rate: 1e-4", "  learning_rate: '1e-4'", 14, 18, "above 0")]
    [InlineData("  epochs: 0.5", "  epochs: [1]", 13, 11, "a single value")]
    [InlineData("  batch_size: 4", "  batch_size: 4.5", 9, 15, "whole number of at least 1")]
    [InlineData("{logit: 1, token: 0.25}", "{logit: 0}", 15, 11, "weight above 0")]
    [InlineData("{logit: 1, token: 0.25}", "{logits: 1}", 15, 12, "did you mean 'logit'?")]
    [InlineData("  train: train.tsv", "  train: trian.tsv", 5, 10, "does not exist")]
    [InlineData("  train: train.tsv", "  calibration: train.tsv", 5, 3, "'train' is missing")]
    [InlineData("label_column: topic", "labelcolumn: topic", 6, 31, "did you mean 'label_column'?")]
    [InlineData("exports: [HuggingFace, OnnxInt8]", "exports: [HuggingFace, Onyx]", 16, 24, "but is 'Onyx'")]
    [InlineData("exports:", "fine_tuning: 1\nexports:", 16, 1, "'fine_tuning' is not known")]
    [InlineData("name: toy", "name: toy\nname: toy", 3, 1, "name")]
    public void What_is_wrong_is_said_with_its_place(string was, string becomes, int line, int column, string what)
    {
        Assert.Contains(was, Text, StringComparison.Ordinal);
        var error = Assert.Throws<ZipLMException>(() => Read(Text.Replace(was, becomes, StringComparison.Ordinal)));
        Assert.Equal("ZipLM.YamlInvalid", error.ErrorId);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        Assert.StartsWith($"'{In("recipe.yaml")}', line {line}, column {column}: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("# nothing\n", "mapping")]
    [InlineData("- a\n", "mapping")]
    [InlineData("\0\u0001", "")]
    [InlineData("a: 1\n---\nb: 2\n", "mapping")]
    [InlineData("schema: 1\nname: [toy\nmodel: x\n", "")]
    [InlineData("schema: 1\nname:\ttoy\n\tx: 1\n", "")]
    [InlineData("schema: 1\n name: toy\n", "")]
    public void A_file_that_is_no_recipe_is_one_error(string text, string what)
    {
        var error = Assert.Throws<ZipLMException>(() => Read(text));
        Assert.Equal("ZipLM.YamlInvalid", error.ErrorId);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        Assert.Matches(@"', line [1-9]\d*, column [1-9]\d*: ", error.Message);
    }

    [Fact]
    public void A_file_that_is_not_there_is_one_error() =>
        Assert.Equal("ZipLM.YamlMissing", Assert.Throws<ZipLMException>(() => RecipeFile.Read(In("none.yaml"))).ErrorId);

    /// <summary>A file's own values come before those that it includes, and of those the later before the earlier.</summary>
    [Fact]
    public void Included_files_are_merged_key_by_key()
    {
        Write("sub/a.yaml", "schema: 1\nseed: 1\ntargets: [9]\npruning: {damping: 0.1, rounds: 5}\ndata: {calibration: own.tsv}\n");
        Write("sub/b.yaml", "schema: 1\ninclude: [c.yaml]\nseed: 2\npruning: {rounds: 6}\n");
        Write("sub/c.yaml", "schema: 1\nseed: 3\npruning: {calibration_samples: 7}\n");
        Write("sub/own.tsv", "text\na\n");
        var recipe = Read(Text.Replace("name: toy", "name: toy\ninclude: [sub/a.yaml, sub/b.yaml]\npruning: {repair: false}", StringComparison.Ordinal));
        Assert.Equal([1.5, 2, 3], recipe.Targets);
        Assert.Equal(2, recipe.Session.Seed);
        Assert.Equal(new RecipePruning(PruningCriterion.ZipLM, false, 0.1, 7, 6, true, 200), recipe.Pruning);
        Assert.Equal(In("sub/own.tsv"), recipe.Data.Calibration.Path);
    }

    [Fact]
    public void What_is_wrong_in_an_included_file_is_said_with_its_place_there()
    {
        Write("sub/a.yaml", "schema: 1\npruning:\n  damping: none\n");
        var error = Assert.Throws<ZipLMException>(() => Read(Text + "include: [sub/a.yaml]\n"));
        Assert.StartsWith($"'{In("sub/a.yaml")}', line 3, column 12: ", error.Message, StringComparison.Ordinal);
        Write("sub/a.yaml", "schema: 1\nprunning: {}\n");
        Assert.StartsWith($"'{In("sub/a.yaml")}', line 2, column 1: ", Assert.Throws<ZipLMException>(() => Read(Text + "include: [sub/a.yaml]\n")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_include_each_other_are_refused()
    {
        Write("a.yaml", "schema: 1\ninclude: [b.yaml]\n");
        Write("b.yaml", "schema: 1\ninclude: [a.yaml]\n");
        var error = Assert.Throws<ZipLMException>(() => Read(Text + "include: [a.yaml]\n"));
        Assert.Equal("ZipLM.RecipeIncludeCycle", error.ErrorId);
        Assert.Contains("a.yaml → b.yaml → a.yaml", error.Message, StringComparison.Ordinal);
        Assert.Equal("ZipLM.RecipeIncludeCycle", Assert.Throws<ZipLMException>(() => Read(Text + "include: [recipe.yaml]\n")).ErrorId);
    }

    [Fact]
    public void A_file_that_two_others_include_is_no_cycle()
    {
        Write("a.yaml", "schema: 1\ninclude: [c.yaml]\n");
        Write("b.yaml", "schema: 1\ninclude: [c.yaml]\n");
        Write("c.yaml", "schema: 1\nseed: 5\n");
        Assert.Equal(5, Read(Text + "include: [a.yaml, b.yaml]\n").Session.Seed);
    }

    [Theory]
    [InlineData("../other.yaml")]
    [InlineData("sub/../../other.yaml")]
    [InlineData("/etc/hostname")]
    [InlineData("link.yaml")]
    public void A_file_outside_of_the_recipes_folder_is_refused(string name)
    {
        var outside = Directory.CreateTempSubdirectory("ziplm-outside-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(outside, "x.yaml"), "schema: 1\n");
            File.CreateSymbolicLink(In("link.yaml"), Path.Combine(outside, "x.yaml"));
            Assert.Equal("ZipLM.RecipeIncludeOutside", Assert.Throws<ZipLMException>(() => Read(Text + $"include: [{name}]\n")).ErrorId);
        }
        finally
        {
            Directory.Delete(outside, recursive: true);
        }
    }

    [Fact]
    public void An_included_file_of_a_future_version_is_refused()
    {
        Write("a.yaml", "schema: 2\n");
        Assert.StartsWith($"'{In("a.yaml")}', line 1, ", Assert.Throws<ZipLMException>(() => Read(Text + "include: [a.yaml]\n")).Message, StringComparison.Ordinal);
    }

    /// <summary>First lines of the files that the shipped recipes name, as they are published.</summary>
    private static string Published(string path) => Path.GetFileName(Path.GetDirectoryName(path)) switch
    {
        "MNLI" => "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n0\t1\t2\tfiction\t( a )\t( b )\t(a)\t(b)\ta\tb\tneutral\tneutral\n",
        "QQP" => "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n0\t1\t2\ta\tb\t1\n",
        "QNLI" => "index\tquestion\tsentence\tlabel\n0\ta\tb\tentailment\n",
        "SST-2" => "sentence\tlabel\na\t1\n",
        "squad" => """{"data": [{"title": "t", "paragraphs": [{"context": "by Ann", "qas": [{"id": "1", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 3}]}]}]}], "version": "1.1"}""",
        _ => "a text\n",
    };

    /// <summary>The recipes of examples/recipes are whole but for their data.</summary>
    [Fact]
    public void Shipped_recipes_are_accepted()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "ZipLM.PS.sln")))
        {
            root = Path.GetDirectoryName(root)!;
        }

        var shipped = Path.Combine(root, "examples", "recipes");
        foreach (var file in Directory.EnumerateFiles(shipped, "*.yaml", SearchOption.AllDirectories))
        {
            var text = File.ReadAllText(file);
            Write(Path.GetRelativePath(shipped, file), text);
            foreach (Match data in DataPath().Matches(text))
            {
                Write(Path.GetRelativePath(_folder, Path.GetFullPath(Path.Combine(_folder, Path.GetRelativePath(shipped, Path.GetDirectoryName(file)!), data.Groups[1].Value))), Published(data.Groups[1].Value));
            }
        }

        var recipes = Directory.GetFiles(_folder, "*.yaml").Select(RecipeFile.Read).ToList();
        Assert.True(recipes.Count >= 12);
        foreach (var (recipe, data) in recipes.SelectMany(r => new[] { (r, r.Data.Train!), (r, r.Data.Validation!) }))
        {
            var read = TextDatasetReader.Read(data.Describe());
            Assert.Equal(!recipe.Name.StartsWith("gpt2", StringComparison.Ordinal), read.IsLabelled);
            Assert.Equal(!recipe.Name.StartsWith("gpt2", StringComparison.Ordinal) && !recipe.Name.EndsWith("sst2", StringComparison.Ordinal), read.Examples[0].TextPair is not null);
        }

        Assert.All(recipes, r => Assert.Equal(Path.GetFileNameWithoutExtension(r.File), r.Name));
        Assert.Equal(Enumerable.Range(2, 14).Select(i => (double)i), recipes.Single(r => r.Name == "bert-base-squad").Targets);
        Assert.Equal(384, recipes.Single(r => r.Name == "bert-base-squad").Latency.SequenceLength);
        var generating = recipes.Single(r => r.Name == "gpt2-latency").Latency;
        Assert.Equal((128, 64), (generating.SequenceLength, generating.GeneratedTokens));
    }

    [Theory]
    [InlineData("epohcs", "epochs")]
    [InlineData("EPOCHS", "epochs")]
    [InlineData("tokens", "token")]
    [InlineData("x", null)]
    [InlineData("warmup_ratio", null)]
    public void The_nearest_known_name_is_close_or_none(string name, string? nearest) =>
        Assert.Equal(nearest, NearestName.Of(name, ["epochs", "token", "warm_up", "logit"]));

    [Theory]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("", "abc", 3)]
    [InlineData("same", "same", 0)]
    [InlineData("flaw", "lawn", 2)]
    public void The_edit_distance_is_Levenshteins(string a, string b, int distance)
    {
        Assert.Equal(distance, NearestName.Distance(a, b));
        Assert.Equal(distance, NearestName.Distance(b, a));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [GeneratedRegex(@"(?m)^  (?:train|validation): (?:\{path: )?([^,\n]+)")]
    private static partial Regex DataPath();

    private Recipe Read(string text)
    {
        Write("recipe.yaml", text);
        return RecipeFile.Read(In("recipe.yaml"));
    }

    private string In(string name) => Path.Combine(_folder, name);

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(In(name))!);
        File.WriteAllText(In(name), text);
    }
}
