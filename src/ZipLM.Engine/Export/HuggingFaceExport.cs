using System.Text.Json.Nodes;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;
using static TorchSharp.torch;

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
        RequireNotBase(own, directory);
        own.Session.Run(() =>
        {
            // A model that is written over its own directory must be in memory before the directory goes.
            var weights = own.Weights(reporter, cancellationToken);
            _ = own.Tokenizer;
            AtomicDirectory.Write(directory, replace, target =>
            {
                using var scope = NewDisposeScope();
                var others = Others(own, cancellationToken);
                JsonFile.Write(Path.Combine(target, ModelDirectory.ConfigFile), Config(own, others.Count > 0, reporter));
                JsonFile.Write(Path.Combine(target, ModelDirectory.RecordFile), ModelRecordFile.Create(record ?? own.Record, own.Layers));
                own.Tokenizer.Save(target);
                CheckpointWriter.Write(target, [.. Stored(own.Description, weights), .. others], cancellationToken);
            });
            own.SavedTo(directory);
            return true;
        }, reporter, cancellationToken);
    }

    private static IEnumerable<(string Name, Tensor Tensor)> Stored(ModelDescription description, Transformer weights)
    {
        var parameters = weights.Parameters.ToDictionary(p => p.Name, p => p.Parameter);
        return description.Family.Layout(description).Select(t => (t.Name, t.Join(parameters)));
    }

    private static void RequireNotBase(TransformerModel model, string directory)
    {
        if (model.Record.BaseModel is { } dense && Full(dense) == Full(directory))
        {
            throw new ZipLMException("ExportTargetIsBase", ErrorKind.InvalidArgument,
                $"'{directory}' is the dense model that '{model.Name}' was pruned from, its teacher and baseline.", "Give another path or name.", directory);
        }

        static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
    }

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

        return config;
    }
}
