using System.Text.Json.Nodes;

namespace ZipLM.Engine.Models;

/// <summary>Everything about a model but its weights: what <c>config.json</c> and the shapes of the tensors tell.</summary>
internal sealed record ModelDescription
{
    /// <summary>What knows how such a model reads and goes together.</summary>
    public required IModelFamily Family { get; init; }

    public string ModelFamily => Family.Name;

    public required string Architecture { get; init; }

    public required ModelTask Task { get; init; }

    public required int HiddenSize { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>Structures of an attention sublayer before any pruning: heads, or groups that share a key and a value.</summary>
    public required int DenseHeads { get; init; }

    /// <summary>Query heads that share one key and value.</summary>
    public int GroupSize { get; init; } = 1;

    public required int DenseWidth { get; init; }

    public required int VocabularySize { get; init; }

    public required int MaximumSequenceLength { get; init; }

    /// <summary>Rows of the embedding of kinds of text; 0 where there is none.</summary>
    public int TextTypes { get; init; }

    /// <summary>Whether a pair of texts can be told apart from a single one.</summary>
    public bool ReadsPairs { get; init; } = true;

    public required IReadOnlyList<string> Labels { get; init => field = value.Indexable(); }

    /// <summary>What is left of each block.</summary>
    public required IReadOnlyList<LayerShape> Layers { get; init => field = value.Indexable(); }

    /// <summary>The config as it was read, with every key: it is written back as it is.</summary>
    public required JsonObject Config { get; init; }

    /// <summary>Where the config came from, for messages.</summary>
    public required string Where { get; init; }

    /// <summary>The same model before any pruning.</summary>
    public ModelDescription Dense => Uniform(DenseHeads, DenseWidth);

    /// <summary>The same model with this much left of every block.</summary>
    public ModelDescription Uniform(int heads, int width) =>
        this with { Layers = [.. Layers.Select(l => new LayerShape(l.Layer, heads, width))] };
}
