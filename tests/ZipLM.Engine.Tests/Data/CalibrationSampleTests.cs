using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

public sealed class CalibrationSampleTests
{
    private static TextDataset Data(int rows) =>
        new("test", [.. Enumerable.Range(0, rows).Select(i => new TextExample($"row {i}", null, i % 2))], ["0", "1"]);

    [Fact]
    public void SamplesShareNoRowAndGoBySeed()
    {
        var sample = CalibrationSample.Draw(Data(1000), 256, 200, 1);
        Assert.Equal((256, 200), (sample.Statistics.Count, sample.Search.Count));
        Assert.Equal(456, sample.Statistics.Examples.Concat(sample.Search.Examples).Distinct().Count());
        Assert.Equal(sample.Search.Examples, CalibrationSample.Draw(Data(1000), 256, 200, 1).Search.Examples);
        Assert.NotEqual(sample.Search.Examples, CalibrationSample.Draw(Data(1000), 256, 200, 2).Search.Examples);
        Assert.Equal(["0", "1"], sample.Search.Labels);
        Assert.Null(sample.Shortage);
    }

    [Theory]
    [InlineData(300, 150, 150)]
    [InlineData(3, 1, 2)]
    [InlineData(2, 1, 1)]
    [InlineData(1, 1, 1)]
    public void FewRowsAreDividedAndSaySo(int rows, int statistics, int search)
    {
        var sample = CalibrationSample.Draw(Data(rows), 256, 256, 1);
        Assert.Equal((statistics, search), (sample.Statistics.Count, sample.Search.Count));
        Assert.Equal(rows, sample.Statistics.Examples.Concat(sample.Search.Examples).Distinct().Count());
        Assert.Contains(rows == 1 ? "single row" : $"has {rows} rows where 512 are wanted", sample.Shortage, StringComparison.Ordinal);
    }
}
