namespace ZipLM.Engine.Evaluation;

/// <summary>How well predicted numbers follow the true ones, -1–1; NaN where one side is constant.</summary>
internal static class Correlation
{
    /// <summary>Correlation of the numbers.</summary>
    public static double Pearson(IReadOnlyList<double> predicted, IReadOnlyList<double> actual)
    {
        if (predicted.Count != actual.Count || actual.Count == 0)
        {
            throw new ArgumentException($"{predicted.Count} predictions do not go with {actual.Count} rows.", nameof(predicted));
        }

        var (x, y) = (predicted.Average(), actual.Average());
        var (xy, xx, yy) = (0.0, 0.0, 0.0);
        for (var i = 0; i < actual.Count; i++)
        {
            xy += (predicted[i] - x) * (actual[i] - y);
            xx += (predicted[i] - x) * (predicted[i] - x);
            yy += (actual[i] - y) * (actual[i] - y);
        }

        return xx == 0 || yy == 0 ? double.NaN : Math.Clamp(xy / Math.Sqrt(xx) / Math.Sqrt(yy), -1, 1);
    }

    /// <summary>Correlation of the ranks; equal numbers share the mean of theirs.</summary>
    public static double Spearman(IReadOnlyList<double> predicted, IReadOnlyList<double> actual) => Pearson(Ranks(predicted), Ranks(actual));

    private static double[] Ranks(IReadOnlyList<double> values)
    {
        var ranks = new double[values.Count];
        var order = Enumerable.Range(0, values.Count).OrderBy(i => values[i]).ToArray();
        for (var start = 0; start < order.Length;)
        {
            var end = start;
            while (end < order.Length && values[order[end]].Equals(values[order[start]])) end++;
            for (var i = start; i < end; i++) ranks[order[i]] = (start + end + 1) / 2.0;
            start = end;
        }

        return ranks;
    }
}
