using Xunit;
using ZipLM.Engine.Latency;

namespace ZipLM.Engine.Tests.Latency;

public sealed class MedianIntervalTests
{
    [Theory]
    [InlineData(new[] { 3.0 }, 3, 3, 3)]
    [InlineData(new[] { 4.0, 2 }, 3, 2, 4)]
    [InlineData(new[] { 9.0, 1, 5 }, 5, 1, 9)]
    public void Few_values_are_their_own_interval(double[] values, double median, double low, double high) =>
        Assert.Equal(new MedianInterval(median, low, high), MedianInterval.Of(values));

    /// <summary>Conover's table for p = ½: of 20 values the 6th to the 15th, of 100 the 40th to the 61st.</summary>
    [Theory]
    [InlineData(20, 6, 15)]
    [InlineData(100, 40, 61)]
    public void The_ends_are_order_statistics(int count, int low, int high)
    {
        var values = Enumerable.Range(1, count).Select(i => (double)i).ToArray();
        new Random(1).Shuffle(values);
        var interval = MedianInterval.Of(values);
        Assert.Equal((count + 1) / 2.0, interval.Median);
        Assert.Equal((low, high), (interval.Low, interval.High));
        Assert.Equal((interval.High - interval.Low) / 2 / interval.Median, interval.Spread);
    }

    /// <summary>
    /// The number of values below the true median is binomial with p = ½, so the interval from the r-th to the s-th of n
    /// values holds it with the probability that this number lies between r and s − 1. The ranks are the normal approximation's, hence the half percent.
    /// </summary>
    [Fact]
    public void It_holds_the_true_median_in_95_percent_of_the_cases()
    {
        for (var n = 6; n <= 300; n++)
        {
            var interval = MedianInterval.Of(Enumerable.Range(1, n).Select(i => (double)i));
            var probability = Enumerable.Range((int)interval.Low, (int)(interval.High - interval.Low)).Sum(k => Math.Exp(LogChoose(n, k) - (n * Math.Log(2))));
            Assert.True(probability >= 0.945, $"{n} values: {probability}");
            Assert.Equal(interval.Low - 1, n - interval.High);
            Assert.True(n < 10 || probability <= 0.99, $"{n} values: {probability}, wider than it must be");
        }
    }

    private static double LogChoose(int n, int k) =>
        Enumerable.Range(1, k).Sum(i => Math.Log(n - k + i) - Math.Log(i));
}
