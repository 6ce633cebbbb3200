using TorchSharp;
using Xunit;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Pruning;

/// <summary>One factor gives every level, and its rows are what the surgeon pays: two ways to the same numbers that share no code.</summary>
public sealed class LevelFactorTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private const double Damping = 1e-2;

    [Theory]
    [InlineData(300, 1)]
    [InlineData(40, 8)]
    public void The_rows_of_Z_are_the_costs_of_the_surgeons_steps(int structures, int size) => fixture.Run(() =>
    {
        var (w, h) = Problem(structures * size);
        var lambda = Surgeon.Lambda(h, Damping);
        var inverse = linalg.inv(h + (eye(structures * size, dtype: float64) * lambda));
        var trace = size == 1 ? ColumnRemoval.Run(w, inverse, CancellationToken.None)! : HeadRemoval.Run(w, inverse, size, CancellationToken.None)!;

        var factor = LevelFactor.Create(w, h, lambda, Surgeon.Columns([.. trace.Order.Reverse()], size, CPU));
        var z = factor.narrow(0, structures * size, w.shape[0]).t();
        var paid = TinyBert.Values(z.square().sum(new long[] { 1 }).view(structures, size).sum(new long[] { 1 })).Reverse().ToArray();
        TinyBert.AssertClose([.. trace.Costs], [.. paid.SkipLast(1).Select((_, k) => paid.Take(k + 1).Sum())], 1e-10);
    });

    [Theory]
    [InlineData(60, 1)]
    [InlineData(6, 4)]
    public void Every_level_of_one_factor_is_least_squares_on_its_columns(int structures, int size) => fixture.Run(() =>
    {
        var (w, h) = Problem(structures * size);
        var lambda = Surgeon.Lambda(h, Damping);
        var damped = h + (eye(structures * size, dtype: float64) * lambda);
        var order = Enumerable.Range(0, structures).ToArray();
        new Random(3).Shuffle(order);
        var columns = Surgeon.Columns(order, size, CPU);
        // Not all columns: the others still count in W·H.
        var largest = structures * size * 3 / 4;
        var factor = LevelFactor.Create(w, h, lambda, columns.narrow(0, 0, largest));
        for (var level = 1; level <= largest; level += level < 5 ? 1 : 7)
        {
            var k = columns.narrow(0, 0, level);
            var h_K = damped.index_select(1, k);
            var expected = linalg.solve(h_K.index_select(0, k), w.matmul(h_K).t()).t();
            TinyBert.AssertTensorsClose(expected, LevelFactor.Solve(factor, level), 1e-9);
        }
    });

    /// <summary>In whatever order levels are asked for, with and without memory to keep them.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(3000)]
    [InlineData(1 << 20)]
    public void A_sublayer_rebuilds_the_same_weights_whatever_was_asked_before(long cacheBytes) => fixture.Run(() =>
    {
        const int Structures = 10, Size = 3;
        var (w, h) = Problem(Structures * Size);
        var removal = Surgeon.Remove(w, h, Size, Damping, "matrix", new RecordingReporter(), CancellationToken.None);
        using var statistics = new SublayerStatistics(Structures * Size, 2, () => h.clone());
        using var cache = new TensorCache<(int, Sublayer, int?)>(cacheBytes);
        var sublayer = new PrunableSublayer(0, Sublayer.Attention, removal, w, statistics, Size, cache);
        var damped = h + (eye(Structures * Size, dtype: float64) * Surgeon.Lambda(h, Damping));
        foreach (var level in new[] { 4, 2, 7, 7, 1, 10, 4, 9, 2 })
        {
            var (kept, weight) = sublayer.Rebuild(level);
            Assert.Equal(removal.Order.TakeLast(level).Order(), kept);
            var k = Surgeon.Columns(kept, Size, CPU);
            var h_K = damped.index_select(1, k);
            TinyBert.AssertTensorsClose(linalg.solve(h_K.index_select(0, k), w.matmul(h_K).t()).t(), weight, 1e-9);
            Assert.InRange(cache.Bytes, 0, cacheBytes);
        }
    });

    [Fact]
    public void Statistics_are_read_once_for_all_levels_below_the_first() => fixture.Run(() =>
    {
        var (w, h) = Problem(12);
        var removal = Surgeon.Remove(w, h, 1, Damping, "matrix", new RecordingReporter(), CancellationToken.None);
        var reads = 0;
        using var statistics = new SublayerStatistics(12, 2, () =>
        {
            reads++;
            return h.clone();
        });
        using var cache = new TensorCache<(int, Sublayer, int?)>(1 << 20);
        var sublayer = new PrunableSublayer(0, Sublayer.FeedForward, removal, w, statistics, 1, cache);
        foreach (var level in new[] { 9, 5, 9, 1, 8 })
        {
            sublayer.Rebuild(level);
        }

        Assert.Equal(1, reads);
        sublayer.Rebuild(10);
        Assert.Equal(2, reads);
    });

    private static (Tensor W, Tensor H) Problem(int columns)
    {
        using var generator = new Generator(7);
        var x = randn(new long[] { columns, columns / 2 }, float64, generator: generator)
            .matmul(randn(new long[] { columns / 2, 2 * columns }, float64, generator: generator));
        return (randn(new long[] { 9, columns }, float64, generator: generator), x.matmul(x.t()) / columns);
    }
}
