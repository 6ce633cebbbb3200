using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Models;

/// <summary>Reads a model's directory: config, record and the headers of its weights, but no weight.</summary>
internal static class ModelReader
{
    /// <summary>What a directory holds, checked against the headers of its tensors.</summary>
    public static (ModelDescription Description, ModelRecord Record) Read(string directory)
    {
        var config = Path.Combine(directory, ModelDirectory.ConfigFile);
        var description = ModelFamilies.Describe(JsonFile.Read(config), config);
        var record = ModelRecordFile.Read(directory);
        // Training in Python saves config.json again, but knows nothing of ziplm.json.
        if (record is { Layers: { Count: > 0 } recorded })
        {
            description = description with { Layers = Checked(recorded, description, Path.Combine(directory, ModelDirectory.RecordFile)) };
        }
        else if (ConfigLayers.Read(description.Config, config) is { } told)
        {
            description = description with { Layers = Checked(told, description, config) };
        }

        using var weights = Open(directory, description.Family);
        weights.Check(description.Family.Layout(description));
        return (description, record?.Record ?? new());
    }

    public static CheckpointWeights Open(string directory, IModelFamily family) => new(directory, family.CanonicalName);

    /// <summary>The weights of a directory, or null where it has none that can be read.</summary>
    public static CheckpointWeights? TryOpen(string directory, IModelFamily family)
    {
        try
        {
            return Open(directory, family);
        }
        catch (ZipLMException)
        {
            return null;
        }
    }

    private static IReadOnlyList<LayerShape> Checked(IReadOnlyList<LayerShape> layers, ModelDescription dense, string file)
    {
        if (layers.Count != dense.Layers.Count
            || layers.Where((l, i) => l is null || l.Layer != i || l.Heads < 0 || l.Heads > dense.DenseHeads || l.Width < 0 || l.Width > dense.DenseWidth).Any())
        {
            throw new ZipLMException("ModelRecordInvalid", ErrorKind.InvalidData,
                $"The layers in '{file}' do not fit config.json, which has {dense.Layers.Count} layers of {dense.DenseHeads} heads and width {dense.DenseWidth}.",
                "The files are not of the same model: get them again from where they came from.", Path.GetDirectoryName(file));
        }

        return layers;
    }
}
