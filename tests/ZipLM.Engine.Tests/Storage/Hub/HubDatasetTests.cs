using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

public sealed class HubDatasetTests : IDisposable
{
    private static readonly byte[] Rows = [1, 2, 3];

    private readonly TempFolder _folder = new();
    private readonly FakeHub _hub = new();
    private readonly RecordingReporter _reporter = new();

    private HubSettings Settings => new(new Uri(_hub.Address + "/"), new HubCache(_folder["hub"])) { RetryDelay = TimeSpan.FromMilliseconds(5) };

    public void Dispose()
    {
        _hub.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("sst2", "validation", "glue-sst2-validation", new[] { "sst2/validation-00000-of-00001.parquet" })]
    [InlineData("sst2", null, "glue-sst2-train", new[] { "sst2/train-00000-of-00002-0123456789abcdef.parquet", "sst2/train-00001-of-00002-0123456789abcdef.parquet" })]
    [InlineData("rte", null, "glue-rte-test", new[] { "rte/test-00000-of-00001.parquet" })]
    public void ASplitIsPickedByItsFilesNames(string? subset, string? split, string name, string[] files)
    {
        AddGlue();
        HubDataset data = Find("acme/glue", subset, split);
        Assert.Equal(name, data.Name);
        Assert.Equal(files, data.Files);
    }

    [Theory]
    [InlineData(null, null, "-Subset", "rte, sst2")]
    [InlineData("cola", null, "-Subset", "rte, sst2")]
    [InlineData("sst2", "dev", "-Split", "train, validation")]
    public void AnErrorNamesWhatThereIs(string? subset, string? split, string parameter, string there)
    {
        AddGlue();
        ZipLMException error = Assert.Throws<ZipLMException>(() => Find("acme/glue", subset, split));
        Assert.Equal("ZipLM.HubDatasetPartUnknown", error.ErrorId);
        Assert.Contains(parameter, error.Remedy, StringComparison.Ordinal);
        Assert.Contains(there, error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderNamedDataAndNoFolderAtAllAreNoSubsets()
    {
        _hub.Add("datasets/acme/plain", ("data/train-00000-of-00001.parquet", Rows), ("data/test-00000-of-00001.parquet", Rows), ("README.md", Rows));
        HubDataset plain = Find("acme/plain");
        Assert.Equal(("plain-train", "data/train-00000-of-00001.parquet"), (plain.Name, Assert.Single(plain.Files)));
        _hub.Add("datasets/acme/bare", ("test.parquet", Rows));
        HubDataset bare = Find("acme/bare");
        Assert.Equal(("bare-test", "test.parquet"), (bare.Name, Assert.Single(bare.Files)));
    }

    [Fact]
    public void WhereTheAuthorsGiveNoParquetTheHubsOwnIsTaken()
    {
        _hub.Add("datasets/acme/script", ("script.py", Rows));
        _hub.Add("datasets/acme/script", "refs/convert/parquet", new string('c', 40), ("default/train/0000.parquet", Rows), ("default/train/0001.parquet", [9]), ("default/test/0000.parquet", Rows));
        HubDataset data = Find("acme/script");
        Assert.Equal(("script-train", 2), (data.Name, data.Files.Count));
        string path = data.GetAsync(data.Files[1], _reporter, TestContext.Current.CancellationToken).GetAwaiter().GetResult();
        Assert.Equal([9], File.ReadAllBytes(path));
        Assert.Equal(_folder[$"hub/datasets--acme--script/snapshots/{new string('c', 40)}/default/train/0001.parquet"], path);
        Assert.Equal($"../../../../blobs/{FakeHub.Sha256([9])}", new FileInfo(path).LinkTarget);

        ZipLMException error = Assert.Throws<ZipLMException>(() => Find("acme/script", revision: "main"));
        Assert.Equal("ZipLM.HubDatasetNoParquet", error.ErrorId);
    }

    [Fact]
    public void OnlyWhatIsAskedForIsFetchedAndThenNeedsNoHub()
    {
        AddGlue();
        HubDataset data = Find("acme/glue", "sst2", "train");
        Get(data, 0);
        Assert.Single(_hub.Downloads);

        // One of two parts is not the split.
        int asked = _hub.Requests.Count;
        Find("acme/glue", "sst2", "train");
        Assert.True(_hub.Requests.Count > asked);
        Get(data, 1);

        int all = _hub.Requests.Count;
        HubDataset again = Find("acme/glue", "sst2", "train");
        Assert.Equal(Rows, File.ReadAllBytes(Get(again, 0)));
        Assert.Equal(all, _hub.Requests.Count);
        Assert.Equal(2, again.Files.Count);
    }

    [Fact]
    public void WithoutAHubTheCacheServesOrTheErrorSaysWhatIsMissing()
    {
        AddGlue();
        Get(Find("acme/glue", "rte"), 0);
        HubDataset offline = Find("acme/glue", settings: Settings with { Offline = true });
        Assert.Equal("glue-rte-test", offline.Name);
        HubDataset unreachable = Find("acme/glue", settings: new(new Uri("http://127.0.0.1:1/"), new HubCache(_folder["hub"])));
        Assert.Equal("glue-rte-test", unreachable.Name);
        ZipLMException error = Assert.Throws<ZipLMException>(() => Find("acme/none", settings: Settings with { Offline = true }));
        Assert.Equal("ZipLM.HubOffline", error.ErrorId);
        Assert.Contains(_folder["hub/datasets--acme--none"], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADatasetThatDoesNotExistIsNamed()
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => Find("acme/none"));
        Assert.Equal(("ZipLM.DatasetNotFound", "acme/none"), (error.ErrorId, error.Target));
    }

    [Theory]
    [InlineData("acme/data", true)]
    [InlineData("data/train.tsv", false)]
    [InlineData("data/train.jsonl.gz", false)]
    [InlineData("train", false)]
    [InlineData("./acme/data", false)]
    [InlineData("/acme/data", false)]
    [InlineData("acme/*", false)]
    public void AnIdIsNoPath(string text, bool isId) => Assert.Equal(isId, HubDataset.IsId(text));

    private string Get(HubDataset data, int file) => data.GetAsync(data.Files[file], _reporter, CancellationToken.None).GetAwaiter().GetResult();

    private void AddGlue() => _hub.Add("datasets/acme/glue",
        ("sst2/train-00000-of-00002-0123456789abcdef.parquet", Rows), ("sst2/train-00001-of-00002-0123456789abcdef.parquet", [4]),
        ("sst2/validation-00000-of-00001.parquet", Rows), ("rte/test-00000-of-00001.parquet", [5]), ("README.md", Rows));

    private HubDataset Find(string id, string? subset = null, string? split = null, string? revision = null, HubSettings? settings = null) =>
        HubDataset.FindAsync(settings ?? Settings, id, revision, subset, split, _reporter, CancellationToken.None).GetAwaiter().GetResult();
}
