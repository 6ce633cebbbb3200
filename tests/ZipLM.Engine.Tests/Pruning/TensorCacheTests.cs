using TorchSharp;
using Xunit;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Pruning;

public sealed class TensorCacheTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    [Fact]
    public void What_was_used_longest_ago_goes_first_and_the_limit_counts_bytes() => fixture.Run(() =>
    {
        using var cache = new TensorCache<string>(100 * sizeof(double));
        cache.Keep("a", full(40, 1.0, float64));
        cache.Keep("b", full(40, 2.0, float64));
        Assert.NotNull(cache.Find("a"));
        cache.Keep("c", full(30, 3.0, float64));
        Assert.Null(cache.Find("b"));
        Assert.Equal((1.0, 3.0), (cache.Find("a")![0].item<double>(), cache.Find("c")![0].item<double>()));
        Assert.Equal(70 * sizeof(double), cache.Bytes);

        cache.Keep("too large", zeros(101, float64));
        Assert.Null(cache.Find("too large"));
        cache.Keep("single", zeros(100, float32));
        Assert.Null(cache.Find("a"));
        Assert.Equal((30 * sizeof(double)) + (100 * sizeof(float)), cache.Bytes);
    });

    [Fact]
    public void A_key_has_its_last_tensor_and_none_that_did_not_fit() => fixture.Run(() =>
    {
        using var cache = new TensorCache<int>(80);
        cache.Keep(1, full(4, 1.0, float64));
        cache.Keep(1, full(5, 2.0, float64));
        Assert.Equal(40, cache.Bytes);
        Assert.Equal(2.0, cache.Find(1)![0].item<double>());
        cache.Keep(1, zeros(11, float64));
        Assert.Null(cache.Find(1));
        Assert.Equal(0, cache.Bytes);
    });

    [Fact]
    public void What_was_found_outlives_its_place_and_what_is_kept_outlives_the_scope() => fixture.Run(() =>
    {
        var cache = new TensorCache<int>(1000);
        using (NewDisposeScope())
        {
            cache.Keep(1, full(5, 4.0, float64));
        }

        using var found = cache.Find(1)!;
        cache.Dispose();
        Assert.Null(cache.Find(1));
        Assert.Equal(0, cache.Bytes);
        Assert.Equal(20, found.sum().item<double>());
    });
}
