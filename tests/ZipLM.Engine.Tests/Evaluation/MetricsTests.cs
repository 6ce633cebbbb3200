using Xunit;
using ZipLM.Engine.Evaluation;

namespace ZipLM.Engine.Tests.Evaluation;

public sealed class MetricsTests
{
    /// <summary>Values that scikit-learn's documentation publishes.</summary>
    [Fact]
    public void PublishedExamples()
    {
        Assert.Equal(-0.33333, ClassificationMetrics.Matthews([1, -1, 1, 1], [1, 1, 1, -1]), 5);
        Assert.Equal(0.5, ClassificationMetrics.Accuracy([0, 2, 1, 3], [0, 1, 2, 3]));
        // SciPy's documentation: spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) and pearsonr([1, ..., 7], [10, 9, 2.5, 6, 4, 3, 2]).
        Assert.Equal(0.82078268, Correlation.Spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]), 8);
        Assert.Equal(-0.828503883588428, Correlation.Pearson([1, 2, 3, 4, 5, 6, 7], [10, 9, 2.5, 6, 4, 3, 2]), 12);
    }

    [Fact]
    public void BinaryFiguresFollowFromTheFourCounts()
    {
        var random = new Random(1);
        for (var trial = 0; trial < 200; trial++)
        {
            int[] predicted = [.. Enumerable.Range(0, 12).Select(_ => random.Next(2))], actual = [.. Enumerable.Range(0, 12).Select(_ => random.Next(2))];
            double Count(int p, int a) => predicted.Zip(actual).Count(row => row == (p, a));
            var (tp, fp, fn, tn) = (Count(1, 1), Count(1, 0), Count(0, 1), Count(0, 0));
            var (precision, recall) = (tp + fp == 0 ? 0 : tp / (tp + fp), tp + fn == 0 ? 0 : tp / (tp + fn));
            Assert.Equal(precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall), ClassificationMetrics.F1(predicted, actual), 12);
            var spread = Math.Sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
            Assert.Equal(spread == 0 ? 0 : ((tp * tn) - (fp * fn)) / spread, ClassificationMetrics.Matthews(predicted, actual), 12);
        }
    }

    /// <summary>Matthews' correlation of many classes, by its definition as a covariance of indicators.</summary>
    [Fact]
    public void MatthewsOfManyClassesIsACorrelationOfIndicators()
    {
        var random = new Random(2);
        for (var trial = 0; trial < 50; trial++)
        {
            int[] predicted = [.. Enumerable.Range(0, 30).Select(_ => random.Next(4))], actual = [.. Enumerable.Range(0, 30).Select(_ => random.Next(4))];
            double Covariance(int[] x, int[] y) => Enumerable.Range(0, 4).Sum(k =>
            {
                var (a, b) = (x.Average(v => v == k ? 1.0 : 0), y.Average(v => v == k ? 1.0 : 0));
                return x.Zip(y).Sum(row => ((row.First == k ? 1 : 0) - a) * ((row.Second == k ? 1 : 0) - b));
            });
            Assert.Equal(Covariance(predicted, actual) / Math.Sqrt(Covariance(predicted, predicted) * Covariance(actual, actual)), ClassificationMetrics.Matthews(predicted, actual), 12);
        }
    }

    [Fact]
    public void RanksAreSharedAndScaleDoesNotMatter()
    {
        // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5.
        Assert.Equal(4.5 / Math.Sqrt(4.5 * 5), Correlation.Spearman([1, 7, 7, 90], [-5, 0, 2, 3]), 12);
        Assert.Equal(Correlation.Pearson([1, 2, 4], [3, 1, 9]), Correlation.Pearson([11, 21, 41], [3e6, 1e6, 9e6]), 12);
        Assert.True(double.IsNaN(Correlation.Pearson([1, 1], [1, 2])));
        Assert.Throws<ArgumentException>(() => Correlation.Pearson([1], [1, 2]));
    }

    [Theory]
    [InlineData("The  Cat, sat!", "cat sat")]
    [InlineData("a an the theatre", "theatre")]
    [InlineData("$5–6 (about)", "5–6 about")]
    [InlineData("U.S.A.", "usa")]
    [InlineData("the-end", "theend")]
    [InlineData("«Ça» a été", "«ça» été")]
    [InlineData("x\u00a0\n y", "x y")]
    [InlineData("the", "")]
    public void SquadNormalises(string text, string normal) => Assert.Equal(normal, SquadScore.Normalize(text));

    [Fact]
    public void SquadTakesTheBestOfTheTrueAnswers()
    {
        Assert.Equal(1, SquadScore.ExactMatch("Denver Broncos", ["Broncos", "The Denver Broncos!"]));
        Assert.Equal(0, SquadScore.ExactMatch("Denver", ["Broncos", "Denver Broncos"]));
        // One of one word right, one of two found: precision 1, recall 1/2.
        Assert.Equal(2.0 / 3, SquadScore.F1("the Denver", ["Carolina", "Denver Broncos"]), 12);
        // Repeated words count as often as both have them: 1 of 3 and 1 of 2.
        Assert.Equal(2 * (1.0 / 3) * 0.5 / (1.0 / 3 + 0.5), SquadScore.F1("x x x", ["x y"]), 12);
        Assert.Equal(0, SquadScore.F1("the", ["a"]));
    }
}
