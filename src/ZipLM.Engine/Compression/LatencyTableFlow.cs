using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Compression;

/// <summary>Export-LatencyTable and Import-LatencyTable: a table as a YAML file.</summary>
public static class LatencyTableFlow
{
    /// <summary>Writes a table, whole or not at all.</summary>
    /// <param name="path">Absolute path.</param>
    /// <param name="replace">Overwrite a file that exists.</param>
    /// <exception cref="ZipLMException"><c>FileExists</c>, <c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public static void Export(LatencyTable table, string path, bool replace)
    {
        ArgumentNullException.ThrowIfNull(table);
        if (Path.Exists(path) && (Directory.Exists(path) || !replace))
        {
            throw new ZipLMException("FileExists", ErrorKind.Exists, $"'{path}' exists.", "Use -Force to overwrite a file, or give another name.", path);
        }

        LatencyTableFile.Write(path, table);
    }

    /// <summary>Reads a table.</summary>
    /// <param name="path">Absolute path.</param>
    /// <param name="model">The model that it belongs to; null = the one that the file names.</param>
    /// <param name="session">Gives the session that a named model runs in.</param>
    /// <exception cref="ZipLMException">The file is wrong (with the line), or the model is another or not found.</exception>
    public static LatencyTable Import(string path, Model? model, Func<TorchSession> session, string currentDirectory)
    {
        ArgumentNullException.ThrowIfNull(session);
        var file = LatencyTableFile.Read(path);
        var owner = model ?? ModelCatalog.Find(session(), ModelLocator.Default(), Directory.Exists(file.ModelPath) ? file.ModelPath : file.ModelName, currentDirectory);
        return file.For(owner, sublayer => LevelGrid.Of(sublayer, sublayer == Sublayer.Attention ? owner.DenseHeads : owner.DenseWidth));
    }

    /// <summary>Refuses a table of a model of another model family, of another head or of other dimensions.</summary>
    internal static void RequireSameModel(LatencyTable? table, Model model)
    {
        if (table is not null && Text(table.Model) != Text(model))
        {
            throw new ZipLMException("LatencyTableModel", ErrorKind.InvalidOperation,
                $"The latency table {table.Fingerprint} was measured for '{table.Model.Name}' ({Text(table.Model)}), but '{model.Name}' is another ({Text(model)}).",
                "Measure a table for this model with Measure-LayerLatency.", table);
        }

        static string Text(Model m) =>
            $"{m.ModelFamily}, {m.Architecture}, {m.Layers.Count} layers, hidden size {m.HiddenSize}, {m.DenseHeads} heads, width {m.DenseWidth}, {m.VocabularySize} words";
    }
}
