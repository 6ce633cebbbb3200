using TorchSharp;

namespace ZipLM.Engine.Storage;

/// <summary>What a checkpoint's header says of one tensor.</summary>
/// <param name="Name">Its name.</param>
/// <param name="DType">Type of its elements.</param>
/// <param name="Shape">Its dimensions; empty for a single number.</param>
/// <param name="Begin">First byte, counted from the end of the header.</param>
/// <param name="End">The byte after its last.</param>
internal sealed record TensorEntry(string Name, torch.ScalarType DType, long[] Shape, long Begin, long End)
{
    /// <summary>Its size in the file.</summary>
    public long Bytes => End - Begin;
}
