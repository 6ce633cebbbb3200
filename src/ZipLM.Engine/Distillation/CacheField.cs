using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>One kind of numbers in a cache of a teacher's answers.</summary>
/// <param name="IsPerToken">So many numbers for each token that is not padding; otherwise for each row.</param>
/// <param name="Numbers">How many.</param>
/// <param name="Type">As they are stored: half precision, or 32-bit integers.</param>
internal sealed record CacheField(string Name, bool IsPerToken, int Numbers, ScalarType Type)
{
    /// <summary>Given in half precision as well: so many numbers that turning them into others takes the processors from the student.</summary>
    public bool IsGivenAsStored { get; init; }

    /// <summary>Bytes of the numbers of one row or token.</summary>
    public int Bytes => Numbers * (Type == ScalarType.Float16 ? 2 : 4);

    /// <summary>How often it comes in a data set.</summary>
    public long Rows(EncodedDataset data) => IsPerToken ? data.Lengths.Sum(l => (long)l) : data.Examples.Count;
}
