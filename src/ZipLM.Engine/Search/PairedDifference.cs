using System.Numerics.Tensors;

namespace ZipLM.Engine.Search;

/// <summary>By how much the loss of one plan exceeds that of another, from rows that both were evaluated on.</summary>
/// <param name="Mean">Of the rows' differences.</param>
/// <param name="Error">Standard error of the mean; infinite for one row, which tells nothing of how much they spread.</param>
internal readonly record struct PairedDifference(double Mean, double Error)
{
    /// <param name="differences">Row by row; at least one.</param>
    public static PairedDifference Of(ReadOnlySpan<double> differences)
    {
        var count = differences.Length;
        var mean = TensorPrimitives.Sum(differences) / count;
        var variance = (TensorPrimitives.SumOfSquares(differences) - (count * mean * mean)) / (count - 1);
        return new(mean, count < 2 ? double.PositiveInfinity : Math.Sqrt(Math.Max(variance, 0) / count));
    }
}
