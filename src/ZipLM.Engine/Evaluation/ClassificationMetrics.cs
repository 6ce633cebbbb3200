namespace ZipLM.Engine.Evaluation;

/// <summary>Figures of merit of predicted classes, each compared row by row with the true ones.</summary>
internal static class ClassificationMetrics
{
    /// <summary>Share of the rows that are right, 0–1.</summary>
    public static double Accuracy(IReadOnlyList<int> predicted, IReadOnlyList<int> actual)
    {
        Require(predicted.Count, actual.Count);
        return (double)predicted.Zip(actual).Count(row => row.First == row.Second) / predicted.Count;
    }

    /// <summary>Harmonic mean of precision and recall of class 1, 0–1; 0 where neither side has that class.</summary>
    public static double F1(IReadOnlyList<int> predicted, IReadOnlyList<int> actual)
    {
        Require(predicted.Count, actual.Count);
        var both = predicted.Zip(actual).Count(row => row is (1, 1));
        var all = predicted.Count(label => label == 1) + actual.Count(label => label == 1);
        return all == 0 ? 0 : 2.0 * both / all;
    }

    /// <summary>Matthews' correlation of any number of classes (Gorodkin's R_K), -1–1; 0 where one side has a single class.</summary>
    public static double Matthews(IReadOnlyList<int> predicted, IReadOnlyList<int> actual)
    {
        Require(predicted.Count, actual.Count);
        double rows = predicted.Count;
        var right = predicted.Zip(actual).Count(row => row.First == row.Second);
        var predictedCounts = predicted.CountBy(label => label).ToDictionary();
        var actualCounts = actual.CountBy(label => label).ToDictionary();
        double Products(Dictionary<int, int> a, Dictionary<int, int> b) => a.Sum(entry => (double)entry.Value * b.GetValueOrDefault(entry.Key));
        var spread = Math.Sqrt((rows * rows) - Products(predictedCounts, predictedCounts)) * Math.Sqrt((rows * rows) - Products(actualCounts, actualCounts));
        return spread == 0 ? 0 : ((right * rows) - Products(predictedCounts, actualCounts)) / spread;
    }

    private static void Require(int predicted, int actual)
    {
        if (predicted != actual || actual == 0) throw new ArgumentException($"{predicted} predictions do not go with {actual} rows.", nameof(predicted));
    }
}
