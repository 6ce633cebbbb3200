using TorchSharp;
using Xunit;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Pruning;

/// <summary>The blocked form against the plain one, on problems wide enough for several blocks and compactions.</summary>
public sealed class ColumnRemovalTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    /// <summary>Rows, columns, rank of the inputs, seed; also more columns than rows of W times two, so that W's products are short of rank.</summary>
    public static TheoryData<int, int, int, int> Problems { get; } = new()
    {
        { 24, 300, 400, 1 }, { 200, 150, 150, 2 }, { 8, 200, 90, 3 }, { 3, 64, 64, 4 }, { 3, 65, 80, 5 }, { 1, 130, 200, 6 },
    };

    [Theory]
    [MemberData(nameof(Problems))]
    public void It_makes_every_choice_of_the_plain_loop(int rows, int columns, int rank, int seed) => fixture.Run(() =>
    {
        var (w, inverse) = Problem(rows, columns, rank, seed);
        var plain = HeadRemoval.Run(w, inverse, 1, CancellationToken.None)!;
        var blocked = ColumnRemoval.Run(w, inverse.clone(), CancellationToken.None)!;
        Assert.Equal(plain.Order, blocked.Order);
        AssertClose(plain.FirstScores, blocked.FirstScores);
        AssertClose(plain.Costs, blocked.Costs);
        AssertClose(plain.Distances, blocked.Distances);
    });

    [Theory]
    [MemberData(nameof(Problems))]
    public void Its_weights_are_least_squares_on_what_is_left_after_every_block(int rows, int columns, int rank, int seed) => fixture.Run(() =>
    {
        var (w, inverse) = Problem(rows, columns, rank, seed);
        var h = linalg.inv(inverse);
        using var removal = new ColumnRemoval(w, inverse.clone());
        while (removal.Order.Count < columns - 1)
        {
            Assert.True(removal.RemoveBlock(CancellationToken.None));
            var kept = Enumerable.Range(0, columns).Except(removal.Order).Select(i => (long)i).ToArray();
            if (kept.Length == 0)
            {
                break;
            }

            var k = tensor(kept);
            var h_K = h.index_select(1, k);
            var expected = linalg.solve(h_K.index_select(0, k), w.matmul(h_K).t()).t().contiguous();
            TinyBert.AssertClose(TinyBert.Values(expected), TinyBert.Values(removal.Weight.contiguous()), 1e-9);
        }
    });

    [Fact]
    public void An_inverse_that_is_not_positive_definite_is_refused() => fixture.Run(() =>
    {
        var (w, inverse) = Problem(4, 100, 100, 9);
        // Positive on its diagonal, indefinite as a whole.
        inverse[3, 7] = inverse[7, 3] = 2 * Math.Sqrt(inverse[3, 3].item<double>() * inverse[7, 7].item<double>());
        Assert.Null(ColumnRemoval.Run(w, inverse, CancellationToken.None));
    });

    private static (Tensor W, Tensor Inverse) Problem(int rows, int columns, int rank, int seed)
    {
        using var generator = new Generator((ulong)seed);
        var x = randn(new long[] { columns, rank }, float64, generator: generator)
            .matmul(randn(new long[] { rank, 4 * columns }, float64, generator: generator));
        var h = x.matmul(x.t()) * (2.0 / (4 * columns));
        h += eye(columns, dtype: float64) * (h.diagonal().mean() * 1e-2);
        return (randn(new long[] { rows, columns }, float64, generator: generator), linalg.inv(h));
    }

    private static void AssertClose(IReadOnlyList<double> expected, IReadOnlyList<double> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 1e-9 * (1 + Math.Abs(pair.First))));
    }
}
