using Xunit;
using ZipLM.Engine.Latency;

namespace ZipLM.Engine.Tests.Latency;

public sealed class InterleavedTimerTests
{
    [Fact]
    public void Every_case_runs_once_a_round_forwards_and_backwards_in_turns()
    {
        var log = new List<string>();
        var rounds = new List<int>();
        var timer = new InterleavedTimer(() => log.Add("-"));
        var times = timer.Measure([.. "abc".Select(c => (Action)(() => log.Add($"{c}")))], 2, 3, TestContext.Current.CancellationToken, rounds.Add);
        Assert.Equal("abc cba abc cba abc", string.Join(' ', string.Concat(log.Where(l => l != "-")).Chunk(3).Select(c => new string(c))));
        Assert.Equal([0, 0, 0, 1, 2], rounds);
        Assert.Equal([3, 3, 3], times.Select(t => t.Length));
        Assert.All(times.SelectMany(t => t), t => Assert.True(t >= 0));

        // The device is waited for on both sides of each case.
        Assert.Equal("-a-", string.Concat(log.Take(3)));
        Assert.Equal(2 * 15, log.Count(l => l == "-"));
    }

    [Fact]
    public void Each_time_belongs_to_its_case()
    {
        var times = new InterleavedTimer(() => { }).Measure([() => { }, () => Thread.Sleep(5), () => { }], 0, 4, TestContext.Current.CancellationToken);
        Assert.All(times[1], t => Assert.True(t >= 4.5));
        Assert.True(times[0].Min() < 4.5 && times[2].Min() < 4.5);
    }

    [Fact]
    public void It_stops_when_asked()
    {
        using var source = new CancellationTokenSource();
        var runs = 0;
        Assert.Throws<OperationCanceledException>(() => new InterleavedTimer(() => { }).Measure([() => { runs++; source.Cancel(); }, () => runs++], 0, 5, source.Token));
        Assert.Equal(1, runs);
    }
}
