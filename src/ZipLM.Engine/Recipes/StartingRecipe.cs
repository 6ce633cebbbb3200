using System.Globalization;
using System.Text;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>New-CompressionRecipe: a commented recipe for a model, to be changed by hand.</summary>
public static class StartingRecipe
{
    /// <summary>Writes a recipe that <see cref="RecipeFile"/> accepts once its data exist.</summary>
    /// <param name="training">What members learn from; null = what the model's directory records.</param>
    /// <param name="validation">What members are judged on; null = what the model's directory records.</param>
    /// <param name="targets">Rising speedups, each &gt; 1.</param>
    /// <param name="path">Absolute path.</param>
    /// <exception cref="ZipLMException"><c>FileExists</c>, <c>RecipeModelNotSaved</c>, <c>RecipeTargets</c>.</exception>
    public static void Write(
        Model model, TextDataset? training, TextDataset? validation, IReadOnlyList<double> targets, string path, bool replace, IReporter reporter)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(targets);
        ArgumentNullException.ThrowIfNull(reporter);
        if (Path.Exists(path) && (Directory.Exists(path) || !replace))
        {
            throw new ZipLMException("FileExists", ErrorKind.Exists, $"'{path}' exists.", "Use -Force to overwrite a file, or give another name.", path);
        }

        if (model.Path is not { } directory)
        {
            throw new ZipLMException("RecipeModelNotSaved", ErrorKind.InvalidOperation,
                $"'{model.Name}' is in memory only, and a recipe names its model by where it lies.", "Save it first with Export-Model.", model);
        }

        if (targets.Any(t => !(t > 1 && double.IsFinite(t))) || targets.Zip(targets.Skip(1)).Any(p => p.Second <= p.First))
        {
            throw new ZipLMException("RecipeTargets", ErrorKind.InvalidArgument,
                $"The targets {string.Join(", ", targets.Select(t => t.ToString(CultureInfo.InvariantCulture)))} do not rise from above 1.", "Give -Target speedups in rising order, each above 1 and none twice.", targets);
        }

        AtomicFile.Write(path, Encoding.UTF8.GetBytes(Text(
            model, directory, Reference(training, model.Record.TrainingData, "train.tsv", "training", reporter),
            Reference(validation, model.Record.ValidationData, "dev.tsv", "validation", reporter), targets)));
    }

    private static DatasetReference Reference(TextDataset? given, DatasetReference? recorded, string placeholder, string kind, IReporter reporter)
    {
        if ((given?.Reference ?? recorded) is { } known)
        {
            return known;
        }

        reporter.Warning($"No {kind} data is known: the recipe names '{placeholder}', which is to be replaced.");
        return new(placeholder, "tsv");
    }

    private static string Text(Model model, string directory, DatasetReference training, DatasetReference validation, IReadOnlyList<double> targets) => string.Create(CultureInfo.InvariantCulture, $"""
        # A compression run for {model.Name} ({model.ModelFamily}, {model.Layers.Count} layers of width {model.HiddenSize}).
        #   Invoke-CompressionRecipe THIS-FILE -RunDirectory ./run           runs it, and goes on after a stop
        #   Invoke-CompressionRecipe THIS-FILE -RunDirectory ./run -WhatIf   shows its stages with time and disk
        # Lines that begin with '# ' and a key show what holds without them. See about_ZipLM_Recipes.
        schema: 1

        # Members are called NAME-2x and so on; a run directory belongs to one name.
        name: {Name(model.Name)}

        # A path (relative to this file), or a name as Get-Model takes it.
        model: {Quote(directory)}

        # Of samples, of the order of the data and of dropout.
        # seed: 0

        # Paths are relative to this file. Columns go by their usual names unless given.
        data:
          train: {Data(training)}
          validation: {Data(validation)}
          # calibration: as train
          # evaluation: as validation

        # What members are made fast for.
        environment:
          # device: auto          # auto, cpu, cuda, cuda:1
          # precision: Float32    # BFloat16; Int8 with runtime: OnnxRuntime
          # threads: 0            # 0 = one for each processor
          batch_size: 1
          # sequence_length: 128  # without it, the 95th percentile of the calibration data

        # A table that Export-LatencyTable wrote takes the place of measuring one.
        # latency:
        #   table: table.yaml
        #   trust: false          # true takes it although it is of another environment
        #   rounds: auto          # until times are known within 2 %; or a number

        # Speedups, rising.
        targets: [{string.Join(", ", targets.Select(t => t.ToString(CultureInfo.InvariantCulture)))}]

        # Gradual: each member from the one before it. OneShot: each from the dense model.
        # schedule: Gradual

        # Only for a model that is not trained on the task yet.
        # fine_tune:
        #   epochs: 3
        #   learning_rate: 5e-5
        #   batch_size: 32

        pruning:
          calibration_samples: 256
          damping: 0.01
          # criterion: ZipLM      # Magnitude, Activation, Fisher, Random for comparison
          # repair: true
          # correction: true      # false: plans go by the table alone and are the same in every run
          # search_trials: 200
          # rounds: auto          # until the speedup is known within 1 %; or a number

        # Without this section members are pruned and not trained.
        distillation:
          epochs: 3
          batch_size: 32
          learning_rate: 5e-5
          # warm_up: 0.1
          # weight_decay: 0.01
          # maximum_length: 128
          # temperature: 2
          # checkpoint_seconds: 300
          # token_distance: Euclidean    # NormalizedSquared, usual with token: 1
          # layer_matching: Even         # Similarity
          losses:
            task: {LossWeights.Distillation.Task}
            logit: {LossWeights.Distillation.Logit}
            token: {LossWeights.Distillation.Token}

        # evaluation:
        #   rounds: auto          # until the speedup is known within 1 %; or a number

        # HuggingFace is always written; Onnx and OnnxInt8 beside it.
        # exports: [HuggingFace, Onnx]

        """);

    private static string Data(DatasetReference data)
    {
        string[] columns = [.. new[] { ("text_column", data.TextColumn), ("text_pair_column", data.TextPairColumn), ("label_column", data.LabelColumn), ("task", data.Task), ("answer_column", data.AnswerColumn), ("delimiter", data.Delimiter) }
            .Where(c => c.Item2 is not null).Select(c => $"{c.Item1}: {Quote(c.Item2!)}")];
        return columns.Length == 0 ? Quote(data.Path) : $"{{path: {Quote(data.Path)}, format: {data.Format}, {string.Join(", ", columns)}}}";
    }

    private static string Name(string name) => string.Concat(name.Split('/')[^1].Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '-')).TrimStart('.');

    /// <summary>Only between double quotes is a line's end what it is.</summary>
    private static string Quote(string text) => text.Any(char.IsControl) ? System.Text.Json.JsonSerializer.Serialize(text) : $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
}
