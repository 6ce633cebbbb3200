using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

public sealed class ModelStoreTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FindsAndListsWhatHoldsAConfiguration()
    {
        _folder.Write("models/bert/config.json");
        _folder.Write("models/acme/tiny-bert.v2/config.json");
        _folder.Write("models/acme/unfinished/model.safetensors");
        _folder.Write("models/.bert.0123.tmp/config.json");
        var store = new ModelStore(_folder.Root);

        Assert.Equal(["acme/tiny-bert.v2", "bert"], store.List());
        Assert.Equal(_folder["models/bert"], store.Find("bert"));
        Assert.Equal(_folder["models/acme/tiny-bert.v2"], store.Find("acme/tiny-bert.v2"));
        Assert.Null(store.Find("acme/unfinished"));
        Assert.Null(store.Find("gpt2"));
        Assert.Equal(_folder["models/gpt2"], store.PathFor("gpt2"));
    }

    [Fact]
    public void AnEmptyStoreIsNoError()
    {
        var store = new ModelStore(_folder["none"]);
        Assert.Empty(store.List());
        Assert.Null(store.Find("bert"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("../bert")]
    [InlineData("a/../b")]
    [InlineData("/bert")]
    [InlineData("bert/")]
    [InlineData("a/b/c")]
    [InlineData("a//b")]
    [InlineData("a\\b")]
    [InlineData(".hidden")]
    [InlineData("a b")]
    [InlineData("a\nb")]
    [InlineData("bért")]
    [InlineData("C:x")]
    public void RefusesWhatIsNoName(string name)
    {
        _folder.Write("config.json");
        var store = new ModelStore(_folder.Root);
        Assert.Null(store.Find(name));
        ZipLMException error = Assert.Throws<ZipLMException>(() => store.PathFor(name));
        Assert.Equal("ZipLM.ModelNameInvalid", error.ErrorId);
        Assert.Equal(name, error.Target);
    }

    [Fact]
    public void NoModelIsStoredInsideAnother()
    {
        _folder.Write("models/bert/config.json");
        ZipLMException error = Assert.Throws<ZipLMException>(() => new ModelStore(_folder.Root).PathFor("bert/small"));
        Assert.Equal("ZipLM.ModelNameTaken", error.ErrorId);
    }

    [Fact]
    public void TheEnvironmentNamesTheRoot()
    {
        Assert.Equal(_folder["models/x"], ModelStore.FromEnvironment(name => name == "ZIPLM_HOME" ? _folder.Root : null).PathFor("x"));
        string platform = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        Assert.NotEmpty(platform);
        Assert.Equal(Path.Combine(platform, "ziplm", "models", "x"), ModelStore.FromEnvironment(_ => null).PathFor("x"));
    }
}
