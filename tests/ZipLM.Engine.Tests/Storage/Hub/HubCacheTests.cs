using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

public sealed class HubCacheTests : IDisposable
{
    private const string Commit = "86b5e0934494bd15c9632b12f734a8a67f723594";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FollowsTheReferenceToTheSnapshot()
    {
        string snapshot = Add("models--google-bert--bert-base-uncased", "main", Commit + "\n");
        Add("models--org--name--with--dashes", "main", Commit);
        Add("models--old", "refs/pr/1", Commit);
        _folder.Write("datasets--org--data/refs/main", Commit);
        var cache = new HubCache(_folder.Root);

        Assert.Equal(snapshot, cache.Find("google-bert/bert-base-uncased"));
        Assert.Equal(snapshot, cache.Find("google-bert/bert-base-uncased", Commit));
        Assert.Null(cache.Find("google-bert/bert-base-uncased", "other"));
        Assert.Null(cache.Find("bert-base-uncased"));
        Assert.NotNull(cache.Find("old", "refs/pr/1"));
        Assert.Null(cache.Find("old"));
        Assert.Equal(["google-bert/bert-base-uncased", "org/name--with--dashes"], cache.List());
    }

    [Fact]
    public void ASnapshotWithoutAConfigurationDoesNotCount()
    {
        _folder.Write("models--org--name/refs/main", Commit);
        _folder.Write($"models--org--name/snapshots/{Commit}/README.md");
        var cache = new HubCache(_folder.Root);
        Assert.Null(cache.Find("org/name"));
        Assert.Empty(cache.List());
    }

    [Theory]
    [InlineData("../../../outside")]
    [InlineData("..")]
    [InlineData("")]
    public void AReferenceLeadsNowhereElse(string commit)
    {
        _folder.Write("models--org--name/refs/main", commit);
        _folder.Write("outside/config.json");
        _folder.Write("models--org--name/config.json");
        _folder.Write("models--org--name/snapshots/config.json");
        Assert.Null(new HubCache(_folder["."]).Find("org/name"));
    }

    [Theory]
    [InlineData("../x", "main")]
    [InlineData("a/b/c", "main")]
    [InlineData("", "main")]
    [InlineData("org/name", "../secret")]
    [InlineData("org/name", "")]
    public void RefusesWhatIsNoIdOrRevision(string id, string revision)
    {
        Add("models--org--name", "main", Commit);
        _folder.Write("models--org--name/secret", Commit);
        Assert.Null(new HubCache(_folder.Root).Find(id, revision));
    }

    [Theory]
    [InlineData("/c", "/h", "/x", "/c/models--m")]
    [InlineData("", "/h", "/x", "/h/hub/models--m")]
    [InlineData(null, null, "/x", "/x/huggingface/hub/models--m")]
    public void TheEnvironmentNamesTheRoot(string? cache, string? home, string? xdg, string expected)
    {
        HubCache found = HubCache.FromEnvironment(name => name switch { "HF_HUB_CACHE" => cache, "HF_HOME" => home, "XDG_CACHE_HOME" => xdg, _ => null });
        Assert.Equal(expected, found.DirectoryOf("m"));
    }

    [Fact]
    public void WithoutAnyItIsInTheAccountsFolder() =>
        Assert.Equal(
            Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache/huggingface/hub/models--m"),
            HubCache.FromEnvironment(_ => null).DirectoryOf("m"));

    private string Add(string folder, string reference, string commit)
    {
        _folder.Write($"{folder}/refs/{reference}", commit);
        return Path.GetDirectoryName(_folder.Write($"{folder}/snapshots/{commit.Trim()}/config.json"))!;
    }
}
