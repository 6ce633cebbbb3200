using System.Numerics.Tensors;

namespace ZipLM.Engine.Search;

/// <summary>
/// When a candidate has lost against the best so far, from the rows that both were evaluated on. Rows are a random part of
/// all n rows, so the mean difference d of the first m has the standard error s·√((1 − m/n)/m); the candidate has lost once
/// d exceeds <see cref="Confidence"/> of them: a candidate that is as good on all rows is stopped at such a look with a
/// probability of one in six. On all rows there is no error left, and it has lost unless its loss is lower.
/// </summary>
internal static class Race
{
    /// <summary>Standard errors: the one-sided 84 %. A better candidate that is lost at times costs less than losing ones that go on.</summary>
    public const double Confidence = 1;

    /// <summary>Whether a candidate has lost.</summary>
    /// <param name="differences">Its loss less that of the best, row by row; at least one.</param>
    /// <param name="rows">n: how many rows there are in all.</param>
    public static bool IsLost(ReadOnlySpan<double> differences, int rows)
    {
        var count = differences.Length;
        var mean = TensorPrimitives.Sum(differences) / count;
        if (count == rows || !double.IsFinite(mean))
        {
            return !(mean < 0);
        }

        // One row tells nothing of how much they spread.
        if (count < 2)
        {
            return false;
        }

        var variance = (TensorPrimitives.SumOfSquares(differences) - (count * mean * mean)) / (count - 1);
        return mean > Confidence * Math.Sqrt(Math.Max(variance, 0) * (1 - ((double)count / rows)) / count);
    }
}
