using TorchSharp;
using Xunit;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Pruning;

/// <summary>Awkward statistics on problems of several blocks of columns, against least squares solved by another routine.</summary>
public sealed class WideSurgeonTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private const int Columns = 230;
    private const int Rows = 12;

    private readonly RecordingReporter _reporter = new();

    [Theory]
    [InlineData(1e-2)]
    [InlineData(1e-6)]
    public void Inputs_that_never_fire_go_first_and_free(double damping) => fixture.Run(() =>
    {
        var (w, x) = Problem(1, 600);
        var dead = Enumerable.Range(0, 90).Select(i => i * 5 % Columns).Distinct().ToArray();
        x.index_fill_(0, tensor(dead.Select(i => (long)i).ToArray()), 0);
        var removal = Remove(w, x, damping);
        Assert.Equal(dead.Order(), removal.Order.Take(dead.Length).Order());
        Assert.All(removal.Priors.Take(dead.Length + 1), p => Assert.InRange(p, 0, 1e-9));
        AssertErrorsAreMeasured(w, x, removal);
    });

    [Theory]
    [InlineData(100, 1e-2)]
    [InlineData(3, 1e-2)]
    [InlineData(100, 1e-4)]
    public void Fewer_tokens_than_columns(int tokens, double damping) => fixture.Run(() =>
    {
        var (w, x) = Problem(2, tokens);
        var removal = Remove(w, x, damping);
        Assert.Empty(_reporter.Warnings);
        Assert.Equal(damping, removal.Damping);
        AssertErrorsAreMeasured(w, x, removal);
    });

    [Fact]
    public void Of_each_pair_of_identical_columns_one_goes_almost_free_and_the_survivor_carries_both() => fixture.Run(() =>
    {
        const double Damping = 1e-6;
        const int Pairs = 70;
        var (w, x) = Problem(3, 600);
        for (var i = 0; i < Pairs; i++)
        {
            x[2 * i].copy_(x[(2 * i) + 1]);
        }

        var removal = Remove(w, x, Damping);
        // One of each pair, before anything that is not spare.
        Assert.Equal(Enumerable.Range(0, Pairs), removal.Order.Take(Pairs).Select(i => i / 2).Order());
        Assert.InRange(removal.Priors[Pairs], 0, Pairs * 10 * Damping);
        Assert.True(removal.Priors[Pairs + 1] > 100 * removal.Priors[Pairs]);
        AssertErrorsAreMeasured(w, x, removal);
    });

    [Fact]
    public void A_singular_H_raises_the_damping_says_so_once_and_reports_it() => fixture.Run(() =>
    {
        var (w, x) = Problem(4, 600);
        x[17].copy_(x[203]);
        var removal = Remove(w, x, 0);
        Assert.Contains("matrix", Assert.Single(_reporter.Warnings), StringComparison.Ordinal);
        Assert.InRange(removal.Damping, 1e-9, 1e-3);
        Assert.True(double.IsFinite(removal.Condition!.Value));
        AssertErrorsAreMeasured(w, x, removal);
    });

    [Fact]
    public void With_no_input_at_all_every_level_but_dropped_is_free() => fixture.Run(() =>
    {
        var (w, x) = Problem(5, 300);
        var removal = Remove(w, x.zero_(), 1e-2);
        Assert.Equal(Enumerable.Range(0, Columns), removal.Order.Order());
        Assert.All(removal.Priors.SkipLast(1), p => Assert.Equal(0, p));
        Assert.Equal(1, removal.Prior(0));
        Assert.True(double.IsFinite(removal.Condition!.Value));
    });

    private Removal Remove(Tensor w, Tensor x, double damping) =>
        Surgeon.Remove(w, Hessian(x), 1, damping, "matrix", _reporter, CancellationToken.None);

    /// <summary>‖ŴX − WX‖² / ‖WX‖² with the least-squares Ŵ of what is left, at levels all along the way.</summary>
    private static void AssertErrorsAreMeasured(Tensor w, Tensor x, Removal removal)
    {
        Assert.Equal(Enumerable.Range(0, Columns), removal.Order.Order());
        var h = Hessian(x);
        var damped = h + (eye(Columns, dtype: float64) * (h.diagonal().mean() * removal.Damping));
        var dense = w.matmul(x);
        foreach (var level in new[] { Columns, 229, 200, 167, 166, 165, 103, 64, 63, 20, 2, 1, 0 })
        {
            var k = tensor(removal.Kept(level).Select(i => (long)i).ToArray());
            var error = -dense;
            if (level > 0)
            {
                var h_K = damped.index_select(1, k);
                error += linalg.solve(h_K.index_select(0, k), w.matmul(h_K).t()).t().matmul(x.index_select(0, k));
            }

            Assert.Equal((error.square().sum() / dense.square().sum()).item<double>(), removal.Prior(level), 1e-8);
        }
    }

    private static Tensor Hessian(Tensor x) => x.matmul(x.t()) * (2.0 / x.shape[1]);

    private static (Tensor W, Tensor X) Problem(int seed, int tokens)
    {
        using var generator = new Generator((ulong)seed);
        var mix = randn(new long[] { Columns, Columns }, float64, generator: generator) / Math.Sqrt(Columns);
        var x = mix.matmul(randn(new long[] { Columns, tokens }, float64, generator: generator))
            + (0.3 * randn(new long[] { Columns, tokens }, float64, generator: generator));
        return (randn(new long[] { Rows, Columns }, float64, generator: generator), x);
    }
}
