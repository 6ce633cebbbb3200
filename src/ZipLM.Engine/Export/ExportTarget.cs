using ZipLM.Engine.Models;

namespace ZipLM.Engine.Export;

/// <summary>Where a model may not be written, whatever -Force says: over what other models are made from.</summary>
internal static class ExportTarget
{
    /// <summary>Refuses the directory of the dense model that this one was pruned from.</summary>
    /// <exception cref="ZipLMException"><c>ExportTargetIsBase</c>.</exception>
    public static void RequireNotBase(TransformerModel model, string directory)
    {
        if (model.Record.BaseModel is { } dense && IsSame(dense, directory))
        {
            throw new ZipLMException("ExportTargetIsBase", ErrorKind.InvalidArgument,
                $"'{directory}' is the dense model that '{model.Name}' was pruned from, its teacher and baseline.", "Give another path or name.", directory);
        }
    }

    /// <summary>Refuses the directory that the model itself is saved in.</summary>
    /// <param name="form">What would be written there and is not the model itself.</param>
    /// <exception cref="ZipLMException"><c>ExportTargetIsSource</c>.</exception>
    public static void RequireNotSource(TransformerModel model, string directory, string form)
    {
        if (model.Path is { } saved && IsSame(saved, directory))
        {
            throw new ZipLMException("ExportTargetIsSource", ErrorKind.InvalidArgument,
                $"'{directory}' holds '{model.Name}' itself, which {form} cannot replace.", "Give another path or name.", directory);
        }
    }

    private static bool IsSame(string one, string other) => Full(one) == Full(other);

    private static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
}
