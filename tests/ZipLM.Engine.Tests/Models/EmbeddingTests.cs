using Xunit;
using ZipLM.Engine.Models;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace ZipLM.Engine.Tests.Models;

public sealed class EmbeddingTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    /// <summary>In bfloat16 a sum of ones ends at 256: what comes after it is less than half of its last place.</summary>
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void The_gradient_of_a_frequent_word_counts_each_time(ScalarType type) => fixture.Run(() =>
    {
        using var scope = NewDisposeScope();
        var table = new Embedding("words", new Parameter(zeros(3, 2, type)));
        var ids = full([4, 1000], 1, ScalarType.Int64);
        ids[0, 0] = 2;
        for (var part = 1; part <= 2; part++)
        {
            table.AddGradient(ids, ones(4, 1000, 2, type));
            using var gradient = table.Weight.grad!.to(ScalarType.Float64);
            Assert.Equal([0.0, 0, 3999.0 * part, 3999 * part, part, part], gradient.data<double>().ToArray(), (expected, actual) => Math.Abs(expected - actual) <= 0.005 * expected);
        }
    });
}
