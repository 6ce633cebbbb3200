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
        var times = timer.Measure([.. "abc".Select(c => (Action)(() => log.Add($"{c}")))], 0, 5, TestContext.Current.CancellationToken, rounds.Add);
        Assert.Equal("abc cba abc cba abc", string.Join(' ', string.Concat(log.Where(l => l != "-")).Chunk(3).Select(c => new string(c))));
        Assert.Equal([0, 1, 2, 3, 4], rounds);
        Assert.Equal([5, 5, 5], times.Select(t => t.Length));
        Assert.All(times.SelectMany(t => t), t => Assert.True(t >= 0));

        // The device is waited for on both sides of each case.
        Assert.Equal("-a-", string.Concat(log.Take(3)));
        Assert.Equal(2 * 15, log.Count(l => l == "-"));
    }

    /// <summary>Windows of 4 rounds; the times of a case by window, in ms, the last one for all that follow.</summary>
    [Theory]
    [InlineData(1, 1000.0)] // slow: the first window is enough
    [InlineData(5, 25.0)] // even: as long as the runtime compiles, 5 · 4 · 25 ms = 0.5 s
    [InlineData(3, 100.0, 70.0, 69.0)] // 0.68 s after two windows, but it fell; in the third by less than 3 %
    [InlineData(7, 100.0, 90.0, 80.0, 70.0, 60.0, 50.0, 50.0)]
    public void It_warms_up_until_no_case_gets_faster_any_more(int windows, params double[] milliseconds)
    {
        var clock = new ManualClock();
        var runs = 0;
        var warm = 0;
        var times = new InterleavedTimer(() => { }, clock).Measure(
            [() => clock.Advance(milliseconds[Math.Min(runs++ / 4, milliseconds.Length - 1)])],
            4, 3, TestContext.Current.CancellationToken, round => warm += round < 0 ? 1 : 0);
        Assert.Equal(windows * 4, warm);
        Assert.Equal(windows * 4 + 3, runs);
        Assert.All(times[0], t => Assert.Equal(milliseconds[^1], t, 1e-3));
    }

    /// <summary>A case that gets faster for ever, beside one that takes no time, or 2 s from its second round on.</summary>
    [Theory]
    [InlineData(0, 20)]
    [InlineData(2000, 6)]
    public void What_never_settles_is_measured_after_20_windows_or_10_seconds(int beside, int windows)
    {
        var clock = new ManualClock();
        var (warm, first, falling) = (0, true, 300.0);
        new InterleavedTimer(() => { }, clock).Measure(
            [
                () => clock.Advance(falling *= 0.9),
                () =>
                {
                    clock.Advance(first ? 0 : beside);
                    first = false;
                },
            ],
            1, 1, TestContext.Current.CancellationToken, round => warm += round < 0 ? 1 : 0);
        Assert.Equal(windows, warm);
    }

    /// <summary>Compiled code stays compiled: a timer's second measurement has its rounds of warm-up and no more.</summary>
    [Fact]
    public void The_runtime_is_given_its_time_once()
    {
        var clock = new ManualClock();
        var timer = new InterleavedTimer(() => { }, clock);
        var runs = 0;
        timer.Measure([() => { runs++; clock.Advance(10); }], 5, 2, TestContext.Current.CancellationToken);
        Assert.Equal(50 + 2, runs);
        timer.Measure([() => { runs++; clock.Advance(10); }], 5, 2, TestContext.Current.CancellationToken);
        Assert.Equal(52 + 5 + 2, runs);
    }

    /// <summary>After a warm-up of 2 rounds (the slow case makes it long enough) a case of 4 ms runs twice a round, one of 6 ms once; the second run counts.</summary>
    [Fact]
    public void A_short_case_runs_once_more_before_it_is_timed()
    {
        var clock = new ManualClock();
        var runs = new int[3];
        var times = new InterleavedTimer(() => { }, clock).Measure(
            [
                () => clock.Advance(runs[0]++ % 2 == 0 ? 4 : 3),
                () => { runs[1]++; clock.Advance(6); },
                () => { runs[2]++; clock.Advance(1000); },
            ], 2, 3, TestContext.Current.CancellationToken);
        Assert.Equal([2 + 6, 2 + 3, 2 + 3], runs);
        Assert.All(times[0], t => Assert.Equal(3, t, 1e-3));
        Assert.All(times[1], t => Assert.Equal(6, t, 1e-3));
    }

    /// <summary>4 rounds at a time until the caller has enough, or the time that it allows is over (a round takes 1 s).</summary>
    [Theory]
    [InlineData(4, 100, 4)]
    [InlineData(9, 100, 12)]
    [InlineData(100, 7, 8)]
    public void Portions_are_repeated_until_it_is_enough_or_too_long(int enough, int seconds, int rounds)
    {
        var clock = new ManualClock();
        var done = new List<int>();
        var times = new InterleavedTimer(() => { }, clock).Measure(
            [() => clock.Advance(400), () => clock.Advance(600)], 0,
            new RoundPlan(4) { IsEnough = t => t[1].Length >= enough, Longest = TimeSpan.FromSeconds(seconds) },
            TestContext.Current.CancellationToken, done.Add);
        Assert.Equal([rounds, rounds], times.Select(t => t.Length));
        Assert.All(times[1], t => Assert.Equal(600, t, 1e-3));
        Assert.Equal(Enumerable.Range(0, rounds), done);
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

    /// <summary>A clock that stands still unless it is told to go.</summary>
    private sealed class ManualClock : TimeProvider
    {
        private long _microseconds;

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => _microseconds;

        public void Advance(double milliseconds) => _microseconds += (long)(milliseconds * 1000);
    }
}
