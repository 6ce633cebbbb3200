using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Models;

/// <summary>Get-Model and New-Model: where models come from.</summary>
public static class ModelCatalog
{
    /// <summary>Finds a model by path, store name, alias or hub id, or downloads it; reads its headers only.</summary>
    public static async Task<Model> FindAsync(
        TorchSession session, Func<HubSettings> hub, string nameOrPath, string currentDirectory, string? revision, IReporter reporter, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(session);
        var location = await ModelLocator.Default().LocateAsync(nameOrPath, currentDirectory, revision, hub, reporter, cancellationToken).ConfigureAwait(false);
        return TransformerModel.FromDirectory(session, location.Name, location.Directory);
    }

    /// <summary>Finds a model on this machine by path, store name, alias or hub id; reads its headers only.</summary>
    public static Model Find(TorchSession session, ModelLocator locator, string nameOrPath, string currentDirectory)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(locator);
        var location = locator.Locate(nameOrPath, currentDirectory);
        return TransformerModel.FromDirectory(session, location.Name, location.Directory);
    }

    /// <summary>A new model with random weights, in memory: a BERT, or for causal language modeling a GPT-2.</summary>
    /// <param name="labels">Names of a classifier's labels; of no use to other tasks.</param>
    public static Model Create(TorchSession session, string name, ModelSize size, Tokenizer tokenizer, ModelTask task, IReadOnlyList<string> labels, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(size);
        ArgumentNullException.ThrowIfNull(tokenizer);
        size.Check();
        var config = NewModelConfig.Create(size, tokenizer, task, labels);
        var description = ModelFamilies.Describe(config, $"The configuration of {name}");
        return session.Run(
            () => TransformerModel.FromWeights(session, name, description, new(), RandomModel.Create(description, session, cancellationToken), tokenizer),
            null, cancellationToken);
    }
}
