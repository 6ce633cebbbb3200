using Xunit;
using ZipLM.Engine.Search;

namespace ZipLM.Engine.Tests.Search;

public sealed class RaceTests
{
    private const int Rows = 256;

    /// <summary>Two standard errors above are lost at first, fewer the more has been seen, and a hair less is not: by plain sums.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(16)]
    [InlineData(255)]
    public void A_candidate_has_lost_some_standard_errors_above_the_best(int count)
    {
        var random = new Random(count);
        var noise = Enumerable.Range(0, count).Select(_ => random.NextDouble()).ToArray();
        var mean = noise.Average();
        var deviation = Math.Sqrt(noise.Sum(v => (v - mean) * (v - mean)) / (count - 1));
        // Drawn without putting back: the more of all rows they are, the less is left to chance.
        var error = deviation / Math.Sqrt(count) * Math.Sqrt((double)(Rows - count) / Rows);
        var bound = 2.0 * (Rows - count) / Rows;
        Assert.True(Race.IsLost([.. noise.Select(v => v - mean + (error * (bound + 0.001)))], Rows));
        Assert.False(Race.IsLost([.. noise.Select(v => v - mean + (error * (bound - 0.001)))], Rows));
    }

    [Fact]
    public void On_all_rows_the_mean_alone_decides()
    {
        Assert.False(Race.IsLost([-1, 2, -1.001], 3));
        Assert.True(Race.IsLost([-1, 2, -1], 3));
        Assert.True(Race.IsLost([-1, 2, -0.999], 3));
    }

    [Fact]
    public void One_row_of_several_tells_nothing() => Assert.False(Race.IsLost([1000], 2));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void What_is_no_number_has_lost(double loss) => Assert.True(Race.IsLost([-1, loss, -1], 10));

    /// <summary>
    /// The stated probability: of candidates as good as the best on all rows about one in forty is stopped at first, by the
    /// normal distribution, and one in six on half of the rows; of those that are far worse nearly all, of those that are far
    /// better nearly none.
    /// </summary>
    [Theory]
    [InlineData(16, 0.030)]
    [InlineData(64, 0.067)]
    [InlineData(128, 0.159)]
    public void It_is_wrong_as_often_as_it_says(int count, double share)
    {
        Assert.InRange(Stopped(count, 0), share - 0.02, share + 0.02);
        Assert.InRange(Stopped(count, 5), 0.99, 1);
        Assert.InRange(Stopped(count, -4), 0, 0.001);
    }

    /// <summary>Share of random parts of all rows at which a candidate is stopped.</summary>
    /// <param name="worse">By how many standard errors of such a part it is worse on all rows.</param>
    private static double Stopped(int count, double worse)
    {
        const int draws = 4000;
        var random = new Random(count);
        var stopped = 0;
        for (var draw = 0; draw < draws; draw++)
        {
            var rows = Enumerable.Range(0, Rows).Select(_ => PlainMatrix.Gaussian(random)).ToArray();
            var shift = (worse * Math.Sqrt((1.0 / count) - (1.0 / Rows))) - rows.Average();
            stopped += Race.IsLost([.. rows.Take(count).Select(v => v + shift)], Rows) ? 1 : 0;
        }

        return (double)stopped / draws;
    }
}
