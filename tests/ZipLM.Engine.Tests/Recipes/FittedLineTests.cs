using Xunit;
using ZipLM.Engine.Recipes;

namespace ZipLM.Engine.Tests.Recipes;

public sealed class FittedLineTests
{
    /// <summary>The paper's law for BERT-base on SQuAD with known disturbances that are orthogonal to the line.</summary>
    [Fact]
    public void It_finds_the_line_and_the_distance_from_it()
    {
        double[] speedups = [2, 4, 6, 8];
        double[] off = [0.1, -0.1, -0.1, 0.1];
        var line = FittedLine.Through([.. speedups.Zip(off, (s, o) => (s, 90.3 - (0.6 * s) + o))])!;
        Assert.Equal(90.3, line.Intercept, 1e-12);
        Assert.Equal(-0.6, line.Slope, 1e-12);
        Assert.Equal(0.1, line.Residual, 1e-12);
    }

    [Fact]
    public void One_speedup_alone_has_no_line()
    {
        Assert.Null(FittedLine.Through([]));
        Assert.Null(FittedLine.Through([(2, 0.5)]));
        Assert.Null(FittedLine.Through([(2, 0.5), (2, 0.6)]));
    }
}
