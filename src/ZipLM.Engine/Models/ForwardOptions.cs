using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>What a forward pass does beside computing the output.</summary>
internal sealed record ForwardOptions
{
    public static ForwardOptions Inference { get; } = new();

    /// <summary>Dropout on.</summary>
    public bool Training { get; init; }

    /// <summary>Keep the output of every block.</summary>
    public bool KeepHidden { get; init; }

    /// <summary>The last block to run through; what comes after it, and the head, is left out. Null = all.</summary>
    public int? LastLayer { get; init; }

    /// <summary>
    /// Compute the head's answer. Unless said: that of a task, but not that of a masked language model, which nobody who
    /// uses such a checkpoint for something else pays for.
    /// </summary>
    public bool? Head { get; init; }

    /// <summary>What a causal model has read before: the batch goes on from there, and is added to it.</summary>
    public KeyValueCache? Cache { get; init; }

    /// <summary>The word embeddings of the batch's ids, [batch, length, hidden], where they were taken from the table before; null = they are taken.</summary>
    public Tensor? Words { get; init; }

    /// <summary>Called with the input of every output matrix that is left.</summary>
    public InputObserver? Observe { get; init; }
}
