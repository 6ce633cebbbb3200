using Xunit;
using ZipLM.Engine.Latency;

namespace ZipLM.Engine.Tests.Latency;

public sealed class PaceTests
{
    /// <summary>Three cases in five rounds, of which the fourth was twice as slow for all; one case has a hiccup of its own.</summary>
    [Fact]
    public void What_slows_all_cases_of_a_round_is_taken_out_and_what_slows_one_is_not()
    {
        double[][] times = [[1, 1, 1, 2, 1], [10, 10, 10, 20, 10], [5, 9, 5, 10, 5]];
        var even = Pace.Even(times);
        Assert.Equal([1, 1, 1, 1, 1], even[0]);
        Assert.Equal([10, 10, 10, 10, 10], even[1]);
        Assert.Equal([5, 9, 5, 5, 5], even[2]);
    }
}
