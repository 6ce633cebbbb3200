using Parquet;
using Parquet.Schema;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;
using ZipLM.Engine.Tests.Storage;

namespace ZipLM.Engine.Tests.Compression;

public sealed class HubCalibrationTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeHub _hub = new();
    private readonly RecordingReporter _reporter = new();

    public void Dispose()
    {
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_model_without_data_is_calibrated_on_WikiText_which_is_then_in_the_cache()
    {
        _hub.Add("datasets/Salesforce/wikitext",
            ("wikitext-2-raw-v1/train-00000-of-00001.parquet", await Parquet(["", " = Robert = \n", " An actor . \n", ""])), ("wikitext-2-raw-v1/test-00000-of-00001.parquet", [1]),
            ("wikitext-103-raw-v1/train-00000-of-00002.parquet", [2]));
        using var model = TinyBert.Model(fixture.Session, 90);
        TextDataset data = Resolve(model, offline: false);
        Assert.Equal([" = Robert = \n", " An actor . \n"], data.Examples.Select(row => row.Text));
        Assert.Contains("WikiText-2", Assert.Single(_reporter.Warnings), StringComparison.Ordinal);
        Assert.Single(_hub.Downloads);
        Assert.Equal(2, Resolve(model, offline: true).Count);
    }

    [Fact]
    public void Without_a_hub_the_one_error_says_how_to_give_data_and_why_there_is_none()
    {
        using var model = TinyBert.Model(fixture.Session, 91);
        foreach (bool offline in new[] { true, false })
        {
            ZipLMException error = Assert.Throws<ZipLMException>(() => Resolve(model, offline));
            Assert.Equal("ZipLM.CalibrationDataMissing", error.ErrorId);
            Assert.Contains(offline ? "HF_HUB_OFFLINE" : _hub.Address, error.Message, StringComparison.Ordinal);
            Assert.Contains("-CalibrationData", error.Remedy, StringComparison.Ordinal);
        }
    }

    private TextDataset Resolve(TransformerModel model, bool offline) => CalibrationSource.Resolve(
        model, null, () => new HubSettings(new Uri(_hub.Address), new HubCache(_folder["hub"])) { Offline = offline }, _reporter, CancellationToken.None);

    private static async Task<byte[]> Parquet(string[] rows)
    {
        var text = new DataField<string>("text");
        using var file = new MemoryStream();
        await using (var writer = await ParquetWriter.CreateAsync(new ParquetSchema(text), file, cancellationToken: TestContext.Current.CancellationToken))
        {
            using var group = writer.CreateRowGroup();
            await group.WriteAsync(text, rows);
            group.CompleteValidate();
        }

        return file.ToArray();
    }
}
