using System.Text.Json.Nodes;

namespace ZipLM.Engine.Models;

/// <summary>Everything about a model but its weights: what <c>config.json</c> and the shapes of the tensors tell.</summary>
internal sealed record ModelDescription
{
    public required string ModelFamily { get; init; }

    public required string Architecture { get; init; }

    public required ModelTask Task { get; init; }

    public required int HiddenSize { get; init; }

    public required int HeadSize { get; init; }

    public required int DenseHeads { get; init; }

    public required int DenseWidth { get; init; }

    public required int VocabularySize { get; init; }

    public required int MaximumSequenceLength { get; init; }

    /// <summary>Kinds of text that the model tells apart: 2 where it reads pairs.</summary>
    public required int TextTypes { get; init; }

    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>What is left of each block.</summary>
    public required IReadOnlyList<LayerShape> Layers { get; init; }

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
