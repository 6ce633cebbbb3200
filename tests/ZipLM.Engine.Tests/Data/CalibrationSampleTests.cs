using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

public sealed class CalibrationSampleTests
{
    private sealed class Warnings : IReporter
    {
        public List<string> Heard { get; } = [];

        public void Verbose(string message) { }

        public void Debug(string message) { }

        public void Warning(string message) => Heard.Add(message);

        public void Milestone(object message) { }

        public void Progress(ProgressUpdate update) { }
    }

    private static TextDataset Data(int rows) =>
        new("test", [.. Enumerable.Range(0, rows).Select(i => new TextExample($"row {i}", null, i % 2))], ["0", "1"]);

    [Fact]
    public void SamplesShareNoRowAndGoBySeed()
    {
        var warnings = new Warnings();
        var sample = CalibrationSample.Draw(Data(1000), 256, 200, 1, warnings);
        Assert.Equal((256, 200), (sample.Statistics.Count, sample.Search.Count));
        Assert.Equal(456, sample.Statistics.Examples.Concat(sample.Search.Examples).Distinct().Count());
        Assert.Equal(sample.Search.Examples, CalibrationSample.Draw(Data(1000), 256, 200, 1, warnings).Search.Examples);
        Assert.NotEqual(sample.Search.Examples, CalibrationSample.Draw(Data(1000), 256, 200, 2, warnings).Search.Examples);
        Assert.Equal(["0", "1"], sample.Search.Labels);
        Assert.Empty(warnings.Heard);
    }

    [Theory]
    [InlineData(300, 150, 150)]
    [InlineData(3, 1, 2)]
    [InlineData(2, 1, 1)]
    [InlineData(1, 1, 1)]
    public void FewRowsAreDividedWithAWarning(int rows, int statistics, int search)
    {
        var warnings = new Warnings();
        var sample = CalibrationSample.Draw(Data(rows), 256, 256, 1, warnings);
        Assert.Equal((statistics, search), (sample.Statistics.Count, sample.Search.Count));
        Assert.Equal(rows, sample.Statistics.Examples.Concat(sample.Search.Examples).Distinct().Count());
        Assert.Single(warnings.Heard);
    }
}
