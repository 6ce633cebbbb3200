using System.Globalization;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>Reads a recipe from YAML. What is wrong is said with file, line and column, before anything starts.</summary>
public static class RecipeFile
{
    /// <summary>The version of the schema that is read.</summary>
    internal const int Schema = 1;

    /// <summary>Reads a recipe and the files that it includes.</summary>
    /// <param name="path">Absolute path.</param>
    /// <exception cref="ZipLMException"><c>YamlInvalid</c> with the place, <c>YamlMissing</c>, <c>YamlUnreadable</c>, <c>RecipeIncludeCycle</c>, <c>RecipeIncludeOutside</c>.</exception>
    public static Recipe Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var map = RecipeInclude.Read(Path.GetFullPath(path));
        var environment = map.Or<YamlMap?>("environment", map.Map, null);
        var fineTune = map.Or<TrainingOptions?>("fine_tune", k => RecipeTraining.Read(map.Map(k), new(), hasTeacher: false), null);
        var distillation = map.Or<TrainingOptions?>("distillation", k => RecipeTraining.Read(map.Map(k), new() { Weights = LossWeights.Distillation }, hasTeacher: true), null);
        var recipe = new Recipe
        {
            File = Path.GetFullPath(path),
            Name = Name(map),
            Model = Model(map),
            Targets = Targets(map),
            Data = Data(map, fineTune is not null || distillation is not null),
            Session = Session(environment, map.Or("seed", k => map.Whole(k, 0), 0)),
            NamesDevice = environment?.Has("device") ?? false,
            Latency = Latency(map, environment),
            Schedule = map.Or("schedule", map.Name<RecipeSchedule>, RecipeSchedule.Gradual),
            FineTune = fineTune,
            Pruning = Pruning(map),
            Distillation = distillation,
            EvaluationRounds = Section(map, "evaluation", Rounds, null),
            Exports = map.Or("exports", map.Names<RecipeExport>, [RecipeExport.HuggingFace]),
        };
        foreach (var (key, options) in new[] { ("fine_tune", fineTune), ("distillation", distillation) })
        {
            if (recipe.Data.Validation is null && options is { KeepBest: true } or { Patience: not null })
            {
                throw map.Invalid(key, "keep_best and patience go by the validation data, and there is none in 'data'.");
            }
        }

        environment?.RefuseUnknown();
        map.RefuseUnknown();
        return recipe;
    }

    /// <summary>It becomes part of directory names.</summary>
    private static string Name(YamlMap map)
    {
        var name = map.Text("name");
        return ModelName.IsValidPart(name) ? name : throw map.Invalid("name", $"'{name}' cannot be the name of a directory: use letters, digits, '-', '_' and '.'.");
    }

    /// <summary>A path is relative to the file that it stands in; what is no directory there is a name.</summary>
    private static string Model(YamlMap map)
    {
        var model = map.Text("model");
        var path = Path.Combine(Path.GetDirectoryName(map.FileOf("model"))!, model);
        return Directory.Exists(path) ? Path.GetFullPath(path) : model;
    }

    private static IReadOnlyList<double> Targets(YamlMap map)
    {
        var targets = map.Numbers("targets");
        foreach (var target in targets.Where(t => t <= 1))
        {
            throw map.Invalid("targets", string.Create(CultureInfo.InvariantCulture, $"a speedup of {target} would not make the model faster; each target must be above 1."));
        }

        foreach (var (before, after) in targets.Zip(targets.Skip(1)))
        {
            if (after <= before)
            {
                throw map.Invalid("targets", after == before
                    ? string.Create(CultureInfo.InvariantCulture, $"the target {after} is there twice.")
                    : string.Create(CultureInfo.InvariantCulture, $"targets must rise, but {after} comes after {before}."));
            }
        }

        return targets;
    }

    private static RecipeData Data(YamlMap map, bool trains)
    {
        var data = map.Map("data");
        var (train, validation) = (Dataset(data, "train"), Dataset(data, "validation"));
        if (trains && train is null)
        {
            throw data.Invalid("the key 'train' is missing, which fine_tune and distillation need.");
        }

        var sets = new RecipeData(
            train, validation,
            Dataset(data, "calibration") ?? train ?? throw data.Invalid("there is nothing to calibrate on: give 'calibration' or 'train'."),
            Dataset(data, "evaluation") ?? validation ?? throw data.Invalid("there is nothing to judge members on: give 'evaluation' or 'validation'."));
        data.RefuseUnknown();
        return sets;
    }

    private static RecipeDataset? Dataset(YamlMap data, string key)
    {
        if (!data.Has(key))
        {
            return null;
        }

        var set = data.IsMap(key) ? data.Map(key) : null;
        var path = set?.Text("path") ?? data.Text(key);
        // An included recipe's path is relative to that one, whoever adds other keys beside it.
        var full = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(set is null ? data.FileOf(key) : set.FileOf("path"))!, path));
        if (!File.Exists(full))
        {
            throw data.Invalid(key, $"the data '{full}' does not exist.");
        }

        var dataset = new RecipeDataset(full, set?.OptionalText("format"), set?.OptionalText("text_column"), set?.OptionalText("text_pair_column"), set?.OptionalText("label_column"))
        {
            Task = set?.OptionalText("task"),
            AnswerColumn = set?.OptionalText("answer_column"),
            Delimiter = set?.OptionalText("delimiter"),
        };
        set?.RefuseUnknown();
        return dataset;
    }

    private static SessionOptions Session(YamlMap? environment, int seed) => new()
    {
        Device = environment?.Or("device", k => Device(environment, k), "auto") ?? "auto",
        // Int8 is a precision of ONNX Runtime alone; what it is made of is in single precision.
        Precision = PrecisionOf(environment) is { } precision and not Precision.Int8 ? precision : Precision.Float32,
        Threads = environment?.Or("threads", k => environment.Whole(k, 0), 0) ?? 0,
        Seed = seed,
    };

    private static string Device(YamlMap environment, string key)
    {
        var device = environment.Text(key).ToLowerInvariant();
        return DeviceSelector.IsName(device) ? device : throw environment.Invalid(key, $"'{device}' is not a device; use auto, cpu, cuda or cuda:N, where N counts from 0.");
    }

    private static Precision? PrecisionOf(YamlMap? environment) => environment?.Or<Precision?>("precision", k => environment.Name<Precision>(k), null);

    /// <summary>What the environment says of how models are executed when they are measured; null where it does not.</summary>
    private static RuntimeChoice? Runtime(YamlMap? environment)
    {
        var precision = PrecisionOf(environment);
        var runtime = environment?.Or<InferenceRuntime?>("runtime", k => environment.Name<InferenceRuntime>(k), null);
        if (precision == Precision.Int8 && runtime != InferenceRuntime.OnnxRuntime)
        {
            throw environment!.Invalid("precision", "torch does not compute in Int8; write runtime: OnnxRuntime beside it.");
        }

        if (precision == Precision.BFloat16 && runtime == InferenceRuntime.OnnxRuntime)
        {
            throw environment!.Invalid("precision", "ONNX Runtime does not compute in BFloat16; use Float32 or Int8.");
        }

        var threads = environment?.Or<int?>("measured_threads", k => environment.Whole(k, 1), null);
        return runtime is null && threads is null
            ? null
            : new(runtime ?? InferenceRuntime.Torch, runtime == InferenceRuntime.OnnxRuntime ? precision : null, threads);
    }

    private static RecipeLatency Latency(YamlMap map, YamlMap? environment)
    {
        var batchSize = environment?.Or<int?>("batch_size", k => environment.Whole(k, 1), null);
        var length = environment?.Or<int?>("sequence_length", k => environment.Whole(k, 1), null);
        var generated = environment?.Or<int?>("generated_tokens", k => environment.Whole(k, 0), null);
        var runtime = Runtime(environment);
        return Section(map, "latency", s =>
        {
            var table = s.Or<string?>("table", k => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(s.FileOf(k))!, s.Text(k))), null);
            if (table is not null && !File.Exists(table))
            {
                throw s.Invalid("table", $"the latency table '{table}' does not exist.");
            }

            if (table is not null && environment?.Has("measured_threads") == true && !environment.Has("runtime"))
            {
                throw environment.Invalid("measured_threads", "a recorded table has a runtime and threads of its own; leave this out, or write runtime beside it.");
            }

            return new RecipeLatency(table, s.Or("trust", s.Flag, false), batchSize, length, Rounds(s), runtime);
        }, new(null, false, batchSize, length, null, runtime)) with { GeneratedTokens = generated };
    }

    private static RecipePruning Pruning(YamlMap map)
    {
        var usual = new RecipePruning(PruningCriterion.ZipLM, true, 1e-2, 256, null, true, new PruningOptions().SearchTrials);
        return Section(map, "pruning", s => new(
            s.Or("criterion", s.Name<PruningCriterion>, usual.Criterion),
            s.Or("repair", s.Flag, usual.Repair),
            s.Or("damping", s.Number, usual.Damping),
            s.Or("calibration_samples", k => s.Whole(k, 1), usual.Samples),
            Rounds(s),
            s.Or("correction", s.Flag, usual.Correct),
            s.Or("search_trials", k => s.Whole(k, 0), usual.SearchTrials)), usual);
    }

    /// <summary>How often something is measured; null = until it is known well enough.</summary>
    private static int? Rounds(YamlMap section) => section.Or<int?>("rounds", k => section.WholeOrAuto(k, 3), null);

    private static T Section<T>(YamlMap map, string key, Func<YamlMap, T> read, T otherwise)
    {
        if (!map.Has(key))
        {
            return otherwise;
        }

        var section = map.Map(key);
        var value = read(section);
        section.RefuseUnknown();
        return value;
    }
}
