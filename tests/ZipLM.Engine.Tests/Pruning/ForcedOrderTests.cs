using TorchSharp;
using Xunit;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Pruning;

/// <summary>Removal in an order that another criterion gives, with and without repair, against least squares and plain sums.</summary>
public sealed class ForcedOrderTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private const int Rows = 7;

    [Theory]
    [InlineData(150, 1)]
    [InlineData(12, 4)]
    public void Forced_with_its_own_order_it_is_the_free_run(int structures, int size) => fixture.Run(() =>
    {
        var (w, h) = Problem(structures * size, 1);
        var free = Remove(w, h, size, 1e-2);
        var forced = Remove(w, h, size, 1e-2, ScoresOf(free.Order));
        Assert.Equal(free.Order, forced.Order);
        TinyBert.AssertClose(free.Priors, forced.Priors, 1e-12);
        Assert.Equal(free.Condition, forced.Condition);
        Assert.True(forced.Repair);
    });

    /// <summary>More columns than a block of steps has, in an order that the costs know nothing of.</summary>
    [Theory]
    [InlineData(150, 1, 0)]
    [InlineData(150, 1, 1e-2)]
    [InlineData(12, 4, 0)]
    [InlineData(12, 4, 1e-2)]
    public void Its_priors_are_those_of_least_squares_on_what_is_left(int structures, int size, double damping) => fixture.Run(() =>
    {
        var (w, h) = Problem(structures * size, 2);
        var order = Shuffled(structures, 3);
        var removal = Remove(w, h, size, damping, ScoresOf(order));
        Assert.Equal(order, removal.Order);
        var mean = Enumerable.Range(0, h.GetLength(0)).Average(i => h[i, i]);
        var damped = PlainMatrix.Map(h, (i, j, v) => i == j ? v + (damping * mean) : v);
        foreach (var level in new[] { 1, 2, structures / 3, structures / 2, structures - 1 })
        {
            var solved = PlainMatrix.LeastSquares(w, damped, Columns(removal.Kept(level), size));
            var error = PlainMatrix.Energy(PlainMatrix.Map(solved, (i, j, v) => v - w[i, j]), h) / PlainMatrix.Energy(w, h);
            Assert.Equal(error, removal.Prior(level), 1e-9);
        }
    });

    [Theory]
    [InlineData(30, 1, true)]
    [InlineData(30, 1, false)]
    [InlineData(9, 3, true)]
    [InlineData(9, 3, false)]
    public void Without_repair_priors_are_the_energy_of_what_is_gone(int structures, int size, bool own) => fixture.Run(() =>
    {
        var (w, h) = Problem(structures * size, 4);
        var removal = Remove(w, h, size, 1e-2, own ? null : ScoresOf(Shuffled(structures, 5)), repair: false);
        Assert.False(removal.Repair);
        Assert.Equal(0, removal.Prior(structures));
        Assert.Equal(1, removal.Prior(0));
        for (var level = 1; level < structures; level++)
        {
            var gone = Columns([.. removal.Order.SkipLast(level)], size).ToHashSet();
            var expected = PlainMatrix.Energy(PlainMatrix.Map(w, (_, j, v) => gone.Contains(j) ? v : 0), h) / PlainMatrix.Energy(w, h);
            Assert.Equal(expected, removal.Prior(level), 1e-10);
        }

        // The surgeon's own order is the one that it finds with repair.
        if (own)
        {
            Assert.Equal(Remove(w, h, size, 1e-2).Order, removal.Order);
        }
    });

    [Theory]
    [InlineData(40, 1)]
    [InlineData(10, 4)]
    public void At_equal_order_repair_is_never_worse(int structures, int size) => fixture.Run(() =>
    {
        for (var seed = 10; seed < 20; seed++)
        {
            var (w, h) = Problem(structures * size, seed);
            var scores = ScoresOf(Shuffled(structures, seed));
            var with = Remove(w, h, size, 0, scores);
            var without = Remove(w, h, size, 0, scores, repair: false);
            Assert.All(with.Priors.Zip(without.Priors), pair => Assert.True(pair.First <= pair.Second + 1e-9));
            // On correlated inputs it is worth much.
            Assert.True(with.Prior(structures / 2) < 0.8 * without.Prior(structures / 2));
        }
    });

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_level_without_repair_has_the_columns_of_W(int size) => fixture.Run(() =>
    {
        var (w, h) = Problem(6 * size, 6);
        using var statistics = new SublayerStatistics(6 * size, CPU);
        using var cache = new TensorCache<(int, Sublayer, int?)>(0);
        var sublayer = new PrunableSublayer(
            0, Sublayer.FeedForward, Remove(w, h, size, 1e-2, ScoresOf([2, 5, 1, 0, 4, 3]), repair: false), tensor(w), statistics, size, cache);
        var (kept, weight) = sublayer.Rebuild(3);
        Assert.Equal([0, 3, 4], kept);
        Assert.Equal([.. Enumerable.Range(0, Rows).SelectMany(i => Columns(kept, size).Select(j => w[i, j]))], TinyBert.Values(weight));
    });

    [Fact]
    public void Equal_scores_go_by_index() => fixture.Run(() =>
    {
        var (w, h) = Problem(5, 7);
        Assert.Equal([1, 3, 0, 2, 4], Remove(w, h, 1, 1e-2, [1, 0, 1, 0, 1]).Order);
    });

    /// <summary>Without repair nothing is inverted, so a singular H is no reason to raise the damping.</summary>
    [Fact]
    public void Without_repair_another_criterion_needs_no_inverse() => fixture.Run(() =>
    {
        var (w, h) = Problem(5, 8, tokens: 2);
        var reporter = new RecordingReporter();
        var removal = Surgeon.Remove(tensor(w), tensor(h), 1, 0, "matrix", reporter, CancellationToken.None, [3, 1, 4, 2, 5], repair: false);
        Assert.Empty(reporter.Warnings);
        Assert.Equal(0, removal.Damping);
        Assert.Null(removal.Condition);
        Assert.Equal([3, 1, 4, 2, 5], removal.Saliencies);
    });

    private static Removal Remove(double[,] w, double[,] h, int size, double damping, double[]? scores = null, bool repair = true) =>
        Surgeon.Remove(tensor(w), tensor(h), size, damping, "matrix", new RecordingReporter(), CancellationToken.None, scores, repair);

    /// <summary>Scores that put structures in this order.</summary>
    private static double[] ScoresOf(IReadOnlyList<int> order) =>
        [.. order.Select((structure, place) => (structure, place)).OrderBy(p => p.structure).Select(p => Math.Pow(p.place + 1, 2))];

    private static int[] Shuffled(int count, int seed)
    {
        var order = Enumerable.Range(0, count).ToArray();
        new Random(seed).Shuffle(order);
        return order;
    }

    private static List<int> Columns(IReadOnlyList<int> structures, int size) => [.. structures.SelectMany(s => Enumerable.Range(s * size, size))];

    private static (double[,] W, double[,] H) Problem(int columns, int seed, int? tokens = null)
    {
        var random = new Random(seed);
        var n = tokens ?? 3 * columns;
        var x = PlainMatrix.Multiply(PlainMatrix.Random(columns, columns, random), PlainMatrix.Random(columns, n, random));
        return (PlainMatrix.Random(Rows, columns, random), PlainMatrix.Map(PlainMatrix.Multiply(x, PlainMatrix.Transpose(x)), (_, _, v) => 2 * v / n));
    }
}
