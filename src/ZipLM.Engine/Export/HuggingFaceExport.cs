using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Export;

/// <summary>Export-Model: a directory in Hugging Face's layout with <c>ziplm.json</c>, whole or not at all.</summary>
public static class HuggingFaceExport
{
    /// <summary>Writes a model and remembers in it where it was saved.</summary>
    /// <param name="directory">Absolute path.</param>
    /// <param name="replace">Replace a directory that exists.</param>
    /// <exception cref="ZipLMException">The directory exists and may not be replaced, or the disk is full.</exception>
    public static void Write(Model model, string directory, bool replace, IReporter reporter, CancellationToken cancellationToken)
    {
        var own = TransformerModel.Of(model);
        own.Session.Run(() =>
        {
            // A model that is written over its own directory must be in memory before the directory goes.
            var weights = own.Weights(reporter, cancellationToken);
            _ = own.Tokenizer;
            var record = own.Record;
            if (record.BaseModel is { } baseDirectory && record.BaseHash is null && Directory.Exists(baseDirectory))
            {
                using var checkpoint = ModelReader.Open(baseDirectory);
                record = record with { BaseHash = checkpoint.Hash(cancellationToken) };
            }

            AtomicDirectory.Write(directory, replace, target =>
            {
                JsonFile.Write(Path.Combine(target, ModelReader.ConfigFile), own.Description.Config);
                JsonFile.Write(Path.Combine(target, ModelRecordFile.FileName), ModelRecordFile.Create(record, own.Layers));
                own.Tokenizer.Save(target);
                CheckpointWriter.Write(target, [.. weights.Parameters.Select(p => (p.Name, (TorchSharp.torch.Tensor)p.Parameter))], cancellationToken);
            });
            own.SavedTo(directory, record);
            return true;
        }, reporter, cancellationToken);
    }
}
