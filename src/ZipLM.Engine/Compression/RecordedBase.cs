using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>
/// The dense model that a pruned one came from. Pruning records its directory and the hash of its weights; when it is used
/// as teacher or baseline later, it must still be the same.
/// </summary>
internal static class RecordedBase
{
    /// <summary>The record of what is pruned from a model: the base that the model has, else the model itself where it is saved.</summary>
    public static ModelRecord Of(TransformerModel model, CancellationToken cancellationToken)
    {
        if (model.Record.BaseModel is not null || model.Path is not { } directory)
        {
            return model.Record with { Training = null, Quality = null };
        }

        // A directory that lost its weights since they were read is no obstacle: pruning needs them no more.
        using var checkpoint = ModelReader.TryOpen(directory, model.Description.Family);
        return model.Record with { BaseModel = directory, BaseHash = checkpoint?.Hash(cancellationToken), Training = null, Quality = null };
    }

    /// <summary>The model in the recorded directory, which must be there; the caller disposes it.</summary>
    /// <param name="parameter">The parameter that can name another model.</param>
    /// <exception cref="ZipLMException">Its weights are not those that the model was pruned from.</exception>
    public static TransformerModel Open(TransformerModel model, string parameter, CancellationToken cancellationToken)
    {
        var directory = model.Record.BaseModel!;
        if (model.Record.BaseHash is { } recorded)
        {
            using var checkpoint = ModelReader.Open(directory, model.Description.Family);
            if (!string.Equals(checkpoint.Hash(cancellationToken), recorded, StringComparison.OrdinalIgnoreCase))
            {
                throw new ZipLMException("BaseModelChanged", ErrorKind.InvalidData,
                    $"'{model.Name}' was pruned from the model in '{directory}', but the weights there have changed since.",
                    $"Name the dense model with {parameter}, or put the old weights back.", directory);
            }
        }

        return TransformerModel.FromDirectory(model.Session, Path.GetFileName(directory), directory);
    }
}
