using Xunit;
using ZipLM.Engine.Latency;

namespace ZipLM.Engine.Tests.Latency;

public sealed class MonotoneSmoothingTests
{
    [Fact]
    public void Rising_times_stay_as_they_are() => Assert.Equal([1, 2, 2, 5], Smooth(0.5, 1, 2, 2, 5));

    [Fact]
    public void Neighbours_in_the_wrong_order_that_cannot_be_told_apart_get_their_mean() => Assert.Equal([1, 3, 3, 5], Smooth(1, 1, 3.5, 2.5, 5));

    /// <summary>Intervals of ± 0.25 around 4 and 3 do not meet: the smaller level really is slower.</summary>
    [Fact]
    public void A_real_step_down_stays() => Assert.Equal([1, 4, 3, 5], Smooth(0.25, 1, 4, 3, 5));

    [Fact]
    public void A_mean_that_is_out_of_order_with_what_came_before_takes_it_in() => Assert.Equal([2, 2, 2], Smooth(2, 2.5, 3, 0.5));

    /// <summary>Against a plain isotonic regression by its min-max formula, where every interval overlaps every other.</summary>
    [Fact]
    public void Where_nothing_can_be_told_apart_it_is_the_isotonic_regression()
    {
        var random = new Random(3);
        for (var trial = 0; trial < 20; trial++)
        {
            var times = Enumerable.Range(0, 12).Select(i => i + (random.NextDouble() * 6)).ToArray();
            var expected = times.Select((_, i) => Enumerable.Range(0, i + 1).Max(from =>
                Enumerable.Range(i, times.Length - i).Min(to => times[from..(to + 1)].Average())));
            TinyBert.AssertClose([.. expected], [.. Smooth(100, times)], 1e-12);
        }
    }

    private static IReadOnlyList<double> Smooth(double reach, params double[] times) =>
        MonotoneSmoothing.Of([.. times.Select(t => new MedianInterval(t, t - reach, t + reach))]);
}
