using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Tests.Latency;

public sealed class LatencyTableTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly InferenceEnvironment Environment = new("cpu", "a processor", InferenceRuntime.Torch, Precision.Float32, 1, 16, 1, "2.10.0");

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void A_measured_table_has_every_level(Precision precision)
    {
        using var session = SessionFixture.Connect(precision);
        using var model = TinyBert.Model(session);
        var table = LatencyFlow.Run(model, null, 2, 16, 3, new RecordingReporter(), TestContext.Current.CancellationToken);
        Assert.Equal(LevelGrid.Heads(TinyBert.Heads), table.LevelsOf(Sublayer.Attention));
        Assert.Equal(LevelGrid.Widths(TinyBert.Width), table.LevelsOf(Sublayer.FeedForward));
        Assert.All(table.Levels, l => Assert.True(l.Milliseconds >= 0 && l.Spread >= 0));
        Assert.True(table.RestMilliseconds > 0);
        Assert.Same(model, table.Model);
        Assert.Equal(3, table.Rounds);
        Assert.Equal((2, 16, SessionFixture.Threads, precision, "cpu"), (table.Environment.BatchSize, table.Environment.SequenceLength, table.Environment.Threads, table.Environment.Precision, table.Environment.Device));
        Assert.StartsWith("2.10", table.Environment.RuntimeVersion, StringComparison.Ordinal);
        Assert.True(table.DenseMilliseconds > 0);
        Assert.Same(model, Assert.Single(session.Models));
    }

    /// <summary>Two layers in stacks of 3; a stack of dropped ones takes 1 ms.</summary>
    [Theory]
    [InlineData(20, 9)]
    [InlineData(14, 8)]
    [InlineData(30, 2)]
    public void Dense_and_empty_model_are_predicted_as_they_were_measured(double dense, double empty)
    {
        var table = Assemble(dense, empty, empty - 1, [(4, 13), (2, 7), (1, 0.5)], [(24, 4)]);
        Assert.Equal(dense, table.DenseMilliseconds);
        Assert.Equal(dense, table.Predict([new(0, 4, 24), new(1, 4, 24)]), 1e-12);
        Assert.Equal(empty, table.Predict([new(0, 0, 0), new(1, 0, 0)]), 1e-12);

        // Half way in the stack is half way in the table; a level that seems faster than dropped is as fast as dropped.
        Assert.Equal((table.Milliseconds(Sublayer.Attention, 4) + table.Milliseconds(Sublayer.Attention, 0)) / 2, table.Milliseconds(Sublayer.Attention, 2), 1e-12);
        Assert.Equal(table.Milliseconds(Sublayer.Attention, 0), table.Milliseconds(Sublayer.Attention, 1));
        Assert.Equal([4, 2, 1, 0], table.LevelsOf(Sublayer.Attention));
        Assert.All(table.Levels, l => Assert.True(l.Milliseconds > 0));
    }

    [Fact]
    public void A_stack_tells_the_time_of_one_of_its_layers_and_the_model_without_layers_is_the_rest()
    {
        // Above dropped: attention (13 − 1) / 3 = 4, feed-forward (7 − 1) / 3 = 2; two layers of both = 12 = 20 − 8.
        var table = Assemble(20, 8, 6, [(4, 13)], [(24, 7)]);
        Assert.Equal(6, table.RestMilliseconds);
        Assert.Equal(0.5, table.Milliseconds(Sublayer.Attention, 0));
        Assert.Equal(0.5, table.Milliseconds(Sublayer.FeedForward, 0));
        Assert.Equal(4.5, table.Milliseconds(Sublayer.Attention, 4), 1e-12);
        Assert.Equal(2.5, table.Milliseconds(Sublayer.FeedForward, 24), 1e-12);
    }

    /// <summary>The intervals of a level's stack and of the dropped one, of the empty and the bare model: as errors of a difference, divided among layers.</summary>
    [Fact]
    public void The_spread_of_a_level_is_that_of_its_own_time()
    {
        using var model = TinyBert.Model(fixture.Session);
        var table = LatencyTableBuilder.Assemble(model, Environment, 2, 3, [(Sublayer.Attention, 4), (Sublayer.FeedForward, 24)],
            [new(32, 32, 32), new(8, 7.97, 8.03), new(6, 5.96, 6.04), new(1, 0.88, 1.12), new(13, 12.91, 13.09), new(7, 6.95, 7.05)], 10);
        // The dense model takes 24 ms more than the empty one, twice what the stacks say: 2 layers of (13 − 1) / 3 + (7 − 1) / 3.
        Assert.Equal(0.5 + (2 * 4), table.Milliseconds(Sublayer.Attention, 4), 1e-12);
        Assert.Equal(2 * 0.15 / 3 / 8.5, Spread(Sublayer.Attention, 4), 1e-12);
        Assert.Equal(2 * 0.13 / 3 / 4.5, Spread(Sublayer.FeedForward, 24), 1e-12);
        Assert.Equal(0.05 / 4 / 0.5, Spread(Sublayer.Attention, 0), 1e-12);

        double Spread(Sublayer sublayer, int level) => table.Levels.Single(l => l.Sublayer == sublayer && l.Level == level).Spread;
    }

    [Fact]
    public void A_dense_model_that_measures_no_slower_than_the_empty_one_still_has_times()
    {
        var table = Assemble(5, 6, 5, [(4, 1)], [(24, 1)]);
        Assert.All(table.Levels, l => Assert.Equal(0.25, l.Milliseconds));
    }

    /// <summary>20 rounds in which a case of 10 ms, and one that is so fast that it hardly counts, are off by a share in turns.</summary>
    [Theory]
    [InlineData(0.01, 0, true)]
    [InlineData(0.05, 0, false)]
    // 0.1 ms, off by 0.015 ms, of 10 ms: less than 2 % of what the fastest models take, 10 / 8 ms.
    [InlineData(0, 0.15, true)]
    [InlineData(0, 0.5, false)]
    public void It_is_measured_until_what_counts_is_known_and_doubt_is_said(double off, double fastOff, bool isEnough)
    {
        var steady = Enumerable.Repeat(10.0, 20).ToArray();
        double[][] times = [steady, steady, steady, Off(10, off), Off(0.1, fastOff)];
        Assert.Equal(isEnough, LatencyTableBuilder.Plan(null).IsEnough!(times));
        var doubt = LatencyTableBuilder.Doubt(LatencyTableBuilder.Intervals(times), 20);
        Assert.Equal(isEnough, doubt is null);
        if (!isEnough)
        {
            Assert.StartsWith("After 20 rounds 1 of 5 times are still not known within 2 %", doubt, StringComparison.Ordinal);
            // What is not known after so many rounds has other causes.
            Assert.True(LatencyTableBuilder.Plan(null).IsEnough!([.. times.Select(t => Enumerable.Repeat(t, 20).SelectMany(v => v).ToArray())]));
        }

        Assert.Null(LatencyTableBuilder.Plan(7).IsEnough);
        Assert.Equal(7, LatencyTableBuilder.Plan(7).First);

        static double[] Off(double time, double share) => [.. Enumerable.Range(0, 20).Select(i => time * (i % 2 == 0 ? 1 + share : 1 - share))];
    }

    [Fact]
    public void Predicting_adds_up_and_refuses_a_level_without_a_time()
    {
        using var model = TinyBert.Model(fixture.Session);
        var table = new LatencyTable(model, Environment,
            [new(Sublayer.Attention, 4, 3, 0), new(Sublayer.Attention, 0, 0.25, 0), new(Sublayer.FeedForward, 24, 5, 0), new(Sublayer.FeedForward, 0, 0.5, 0)], 1, 17, 10);
        Assert.Equal(1 + 3 + 0.5 + 0.25 + 5, table.Predict([new(0, 4, 0), new(1, 0, 24)]));
        Assert.Equal("ZipLM.LatencyLevelMissing", Assert.Throws<ZipLMException>(() => table.Predict([new(0, 3, 0)])).ErrorId);
        Assert.Equal([4, 0], table.LevelsOf(Sublayer.Attention));
    }

    [Fact]
    public void Fingerprints_tell_environments_and_tables_apart()
    {
        using var model = TinyBert.Model(fixture.Session);
        Assert.Equal(Table().Fingerprint, Table().Fingerprint);
        Assert.Equal(12, Table().Fingerprint.Length);
        Assert.Equal(4, new[] { Table(), Table(time: 3.5), Table(rest: 2), Table(length: 17) }.Select(t => t.Fingerprint).Distinct().Count());

        LatencyTable Table(double time = 3, double rest = 1, int length = 16) =>
            new(model, Environment with { SequenceLength = length }, [new(Sublayer.Attention, 4, time, 0)], rest, 17, 10);
    }

    [Fact]
    public void A_sequence_longer_than_the_models_positions_is_refused()
    {
        using var model = TinyBert.Model(fixture.Session);
        var error = Assert.Throws<ZipLMException>(() => LatencyFlow.Run(model, null, 1, TinyBert.Positions + 1, 3, new RecordingReporter(), TestContext.Current.CancellationToken));
        Assert.Equal("ZipLM.SequenceTooLong", error.ErrorId);
        Assert.Contains("33", error.Message, StringComparison.Ordinal);
        Assert.Contains("32", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("level 3 ")]
    [InlineData("round 2 ")]
    public void Making_the_levels_and_measuring_them_stop_when_asked(string at)
    {
        using var model = TinyBert.Model(fixture.Session);
        using var source = new CancellationTokenSource();
        var last = "";
        var reporter = new RecordingReporter
        {
            OnProgress = update =>
            {
                last = update.Status;
                if (last.StartsWith(at, StringComparison.Ordinal))
                {
                    source.Cancel();
                }
            },
        };
        Assert.Throws<OperationCanceledException>(() => LatencyFlow.Run(model, null, 1, 16, 1000, reporter, source.Token));
        Assert.StartsWith(at, last, StringComparison.Ordinal);
    }

    /// <summary>Times without a spread in stacks of 3, attention's levels first.</summary>
    private LatencyTable Assemble(double dense, double empty, double bare, (int Level, double Time)[] attention, (int Level, double Time)[] feedForward)
    {
        using var model = TinyBert.Model(fixture.Session);
        List<(Sublayer Sublayer, int Level)> levels = [.. attention.Select(a => (Sublayer.Attention, a.Level)), .. feedForward.Select(f => (Sublayer.FeedForward, f.Level))];
        return LatencyTableBuilder.Assemble(model, Environment, 2, 3, levels,
            [.. new[] { dense, empty, bare, 1 }.Concat(attention.Select(a => a.Time)).Concat(feedForward.Select(f => f.Time)).Select(t => new MedianInterval(t, t, t))], 10);
    }
}
