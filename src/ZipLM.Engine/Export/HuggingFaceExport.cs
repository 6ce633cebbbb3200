using System.Text.Json.Nodes;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace ZipLM.Engine.Export;

/// <summary>Export-Model: a directory in Hugging Face's layout with <c>ziplm.json</c>, whole or not at all.</summary>
public static class HuggingFaceExport
{
    /// <summary>Writes a model and remembers in it where it was saved.</summary>
    /// <param name="directory">Absolute path.</param>
    /// <param name="replace">Replace a directory that exists.</param>
    /// <param name="record">What <c>ziplm.json</c> records in place of what the model itself does.</param>
    /// <exception cref="ZipLMException">The directory exists and may not be replaced, or the disk is full.</exception>
    public static void Write(
        Model model, string directory, bool replace, IReporter reporter, CancellationToken cancellationToken, ModelRecord? record = null)
    {
        var own = TransformerModel.Of(model);
        ExportTarget.RequireNotBase(own, directory);
        Write(own, directory, replace, record ?? own.Record, (weights, others) =>
        {
            var config = Config(own, others, reporter);
            ModelingFile.Describe(config, own.Description, weights);
            return (own.Description, record ?? own.Record, config, weights.Parameters.ToDictionary(p => p.Name, p => p.Parameter));
        }, reporter, cancellationToken);
        own.SavedTo(directory);
    }

    /// <summary>
    /// Writes the zero-padded twin of a model: dense files that compute the same at dense speed. The model stays where it was
    /// saved, if it was.
    /// </summary>
    /// <param name="directory">Absolute path.</param>
    /// <param name="replace">Replace a directory that exists.</param>
    /// <exception cref="ZipLMException">The directory exists and may not be replaced, or the disk is full.</exception>
    public static void WriteDense(Model model, string directory, bool replace, IReporter reporter, CancellationToken cancellationToken)
    {
        var own = TransformerModel.Of(model);
        ExportTarget.RequireNotBase(own, directory);
        ExportTarget.RequireNotSource(own, directory, "its dense twin");
        var dense = own.Description with { Layers = own.Description.Dense.Layers };
        Write(own, directory, replace, own.Record, (weights, others) =>
        {
            var config = Config(own, others, reporter);
            ModelingFile.Describe(config, dense, weights);
            // The speedup and the plan are those of the other one.
            return (dense, own.Record with { Pruning = null }, config, DenseTwin.Parameters(own.Description, weights));
        }, reporter, cancellationToken);
    }

    private static void Write(
        TransformerModel model, string directory, bool replace, ModelRecord told,
        Func<Transformer, bool, (ModelDescription Description, ModelRecord Record, JsonObject Config, IReadOnlyDictionary<string, Parameter> Parameters)> make,
        IReporter reporter, CancellationToken cancellationToken) =>
        model.Session.Run(() =>
        {
            // A model that is written over its own directory must be in memory before the directory goes.
            var weights = model.Weights(reporter, cancellationToken);
            _ = model.Tokenizer;
            AtomicDirectory.Write(directory, replace, target =>
            {
                using var scope = NewDisposeScope();
                var others = Others(model, cancellationToken);
                var (description, record, config, parameters) = make(weights, others.Count > 0);
                JsonFile.Write(Path.Combine(target, ModelDirectory.ConfigFile), config);
                JsonFile.Write(Path.Combine(target, ModelDirectory.RecordFile), ModelRecordFile.Create(record, description.Layers));
                TokenizerFiles.Write(model, target);
                CheckpointWriter.Write(target, [.. description.Family.Layout(description).Select(t => (t.Name, t.Join(parameters))), .. others], cancellationToken);
                if (ModelingFile.IsNeeded(description))
                {
                    File.WriteAllText(Path.Combine(target, ModelingFile.Name), ModelingFile.Text(description));
                }

                File.WriteAllText(Path.Combine(target, ModelCard.FileName), ModelCard.Text(Path.GetFileName(Path.TrimEndingDirectorySeparator(directory)), model, told, description));
            });
            return true;
        }, reporter, cancellationToken);

    /// <summary>
    /// What belongs to an architecture without a task and never changes here, such as a pooler or the head of a
    /// language model: carried over from the checkpoint that the model came from.
    /// </summary>
    private static IReadOnlyList<(string Name, Tensor Tensor)> Others(TransformerModel model, CancellationToken cancellationToken)
    {
        if (model.Task is not (ModelTask.FeatureExtraction or ModelTask.MaskedLanguageModeling) || (model.Path ?? model.Record.BaseModel) is not { } source)
        {
            return [];
        }

        using var checkpoint = ModelReader.TryOpen(source, model.Description.Family);
        var changed = model.Path is null && model.Record.BaseHash is { } hash && checkpoint?.Hash(cancellationToken) != hash;
        var (dense, family) = (model.Description.Dense, model.Description.Family);
        return checkpoint is null || changed ? [] : checkpoint.ReadOthers([.. family.Layout(dense).Select(t => t.Name), .. family.TiedNames], cancellationToken);
    }

    private static JsonObject Config(TransformerModel model, bool complete, IReporter reporter)
    {
        var config = model.Description.Config.DeepClone().AsObject();
        if (model.Task == ModelTask.FeatureExtraction && model.Architecture != model.Description.Family.BareArchitecture && !complete)
        {
            reporter.Warning($"The head of '{model.Name}' ({model.Architecture}) is no longer where the model came from: it is saved without one, as {model.Description.Family.BareArchitecture}.");
            config["architectures"] = new JsonArray(model.Description.Family.BareArchitecture);
        }

        // Of what is written, not of the checkpoint that the model came from; newer versions of transformers call it dtype.
        var type = model.Session.Precision == Precision.BFloat16 ? "bfloat16" : "float32";
        config["torch_dtype"] = type;
        if (config.ContainsKey("dtype"))
        {
            config["dtype"] = type;
        }

        return config;
    }
}
