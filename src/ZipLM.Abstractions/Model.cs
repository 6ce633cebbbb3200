using System.Globalization;

namespace ZipLM;

/// <summary>
/// A language model: a handle to its description and, once it is used, to its weights. Disposing it frees the weights.
/// The engine has the one implementation; it is abstract because the engine lives in a load context of its own.
/// </summary>
public abstract class Model : IDisposable
{
    /// <summary>The name it was found under, or the name of what it was made from.</summary>
    public abstract string Name { get; }

    /// <summary>Its directory; null while it is not saved.</summary>
    public abstract string? Path { get; }

    /// <summary>Where a copy can be had.</summary>
    public abstract ModelState State { get; }

    /// <summary>The model family, as Hugging Face's <c>model_type</c> names it: <c>bert</c>.</summary>
    public abstract string ModelFamily { get; }

    /// <summary>The class that Hugging Face loads it with: <c>BertForSequenceClassification</c>.</summary>
    public abstract string Architecture { get; }

    /// <summary>What its head answers.</summary>
    public abstract ModelTask Task { get; }

    /// <summary>Heads and width left in each block.</summary>
    public abstract IReadOnlyList<LayerShape> Layers { get; }

    /// <summary>Width of the hidden states.</summary>
    public abstract int HiddenSize { get; }

    /// <summary>Heads of a block before any pruning.</summary>
    public abstract int DenseHeads { get; }

    /// <summary>Feed-forward width of a block before any pruning.</summary>
    public abstract int DenseWidth { get; }

    /// <summary>Tokens in the vocabulary.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>The longest sequence that it accepts, in tokens.</summary>
    public abstract int MaximumSequenceLength { get; }

    /// <summary>Names of the labels that the head answers with; empty without a head.</summary>
    public abstract IReadOnlyList<string> Labels { get; }

    /// <summary>Parameters.</summary>
    public abstract long Parameters { get; }

    /// <summary>True while its weights are in memory.</summary>
    public abstract bool IsResident { get; }

    /// <summary>What its directory records: base, data, pruning.</summary>
    public abstract ModelRecord Record { get; }

    /// <summary>How it was pruned, with target, predicted and measured speedup; null for a dense model.</summary>
    public PruningResult? Pruning => Record.Pruning;

    /// <summary>The target of the pruning.</summary>
    public double? TargetSpeedup => Pruning?.TargetSpeedup;

    /// <summary>What the latency table predicted.</summary>
    public double? PredictedSpeedup => Pruning?.PredictedSpeedup;

    /// <summary>What was measured against the dense model.</summary>
    public double? MeasuredSpeedup => Pruning?.Measured.Ratio;

    /// <inheritdoc />
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name} ({ModelFamily}, {Parameters:N0} parameters)");

    /// <inheritdoc />
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the weights.</summary>
    protected abstract void Dispose(bool disposing);
}
