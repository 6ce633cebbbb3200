namespace ZipLM.Engine.Models;

/// <summary>Dimensions of a new model.</summary>
/// <param name="Layers">Blocks.</param>
/// <param name="HiddenSize">Width of the hidden states; a multiple of <paramref name="Heads"/>.</param>
/// <param name="Heads">Attention heads of a block.</param>
/// <param name="Width">Feed-forward width of a block.</param>
/// <param name="MaximumSequenceLength">Longest sequence, in tokens.</param>
public sealed record ModelSize(int Layers, int HiddenSize, int Heads, int Width, int MaximumSequenceLength)
{
    /// <summary>Refuses dimensions that no model can have.</summary>
    /// <exception cref="ZipLMException"><c>ModelSizeInvalid</c>.</exception>
    public void Check()
    {
        if (HiddenSize % Heads != 0)
        {
            throw new ZipLMException("ModelSizeInvalid", ErrorKind.InvalidArgument,
                $"A hidden size of {HiddenSize} cannot be divided among {Heads} heads.", "Give a -HiddenSize that is a multiple of -Heads.", this);
        }
    }

    /// <summary>The sizes that BERT was published in (Turc et al., 2019; Devlin et al., 2018).</summary>
    public static IReadOnlyDictionary<string, ModelSize> Published { get; } = new Dictionary<string, ModelSize>(StringComparer.OrdinalIgnoreCase)
    {
        ["tiny"] = new(2, 128, 2, 512, 512),
        ["mini"] = new(4, 256, 4, 1024, 512),
        ["small"] = new(4, 512, 8, 2048, 512),
        ["medium"] = new(8, 512, 8, 2048, 512),
        ["base"] = new(12, 768, 12, 3072, 512),
        ["large"] = new(24, 1024, 16, 4096, 512),
    };
}
