using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

public sealed class ModelLocatorTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void LooksAtThePathThenTheStoreThenTheCache()
    {
        string cached = AddToCache("models--google-bert--bert-base-uncased");
        Assert.Equal(new ModelLocation("bert", cached), Locate("bert"));

        _folder.Write("home/models/bert/config.json");
        Assert.Equal(new ModelLocation("bert", _folder["home/models/bert"]), Locate("bert"));

        _folder.Write("here/bert/config.json");
        Assert.Equal(new ModelLocation("bert", _folder["here/bert"]), Locate("bert"));
    }

    [Theory]
    [InlineData("sub/model")]
    [InlineData("./sub/model/")]
    [InlineData("sub/../sub/model")]
    [InlineData("sub/model/config.json")]
    [InlineData("sub/model/model.safetensors")]
    [InlineData("sub/model/model.safetensors.index.json")]
    public void APathIsADirectoryOrAFileInIt(string path)
    {
        foreach (string file in new[] { "config.json", "model.safetensors", "model.safetensors.index.json" })
            _folder.Write("here/sub/model/" + file);
        Assert.Equal(new ModelLocation("model", _folder["here/sub/model"]), Locate(path));
        Assert.Equal(new ModelLocation("model", _folder["here/sub/model"]), Locate(_folder["here/" + path]));
    }

    [Theory]
    [InlineData("bert", "models--google-bert--bert-base-uncased")]
    [InlineData("BERT", "models--google-bert--bert-base-uncased")]
    [InlineData("bert", "models--bert-base-uncased")]
    [InlineData("bert-base-uncased", "models--google-bert--bert-base-uncased")]
    [InlineData("google-bert/bert-base-uncased", "models--bert-base-uncased")]
    [InlineData("bert-large", "models--google-bert--bert-large-uncased")]
    [InlineData("gpt2", "models--openai-community--gpt2")]
    [InlineData("gpt2", "models--gpt2")]
    [InlineData("roberta", "models--FacebookAI--roberta-base")]
    [InlineData("distilbert", "models--distilbert--distilbert-base-uncased")]
    [InlineData("acme/own", "models--acme--own")]
    [InlineData("own", "models--own")]
    public void AliasesAndOldNamesAreFoundInTheCache(string name, string folder)
    {
        string directory = AddToCache(folder);
        Assert.Equal(new ModelLocation(name, directory), Locate(name));
    }

    [Fact]
    public void AnErrorListsWhereItLooked()
    {
        _folder.Write("here/bert/readme.txt");
        ZipLMException error = Assert.Throws<ZipLMException>(() => Locate("bert"));
        Assert.Equal("ZipLM.ModelNotFound", error.ErrorId);
        Assert.Equal(ErrorKind.NotFound, error.Kind);
        Assert.Equal("bert", error.Target);
        foreach (string place in new[] { "here/bert", "home/models/bert", "hub/models--google-bert--bert-base-uncased", "hub/models--bert-base-uncased" })
            Assert.Contains(_folder[place], error.Message, StringComparison.Ordinal);
        Assert.Contains("without config.json", error.Message, StringComparison.Ordinal);
        Assert.Contains("organisation/name", error.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("a\0b")]
    [InlineData("../../home/models/../secret")]
    [InlineData("a*b")]
    public void WhatIsNoNameIsOneErrorToo(string name)
    {
        _folder.Write("here/config.json");
        Assert.Equal("ZipLM.ModelNotFound", Assert.Throws<ZipLMException>(() => Locate(name)).ErrorId);
    }

    [Fact]
    public void AFileThatIsNoPartOfAModelDoesNotStandForOne()
    {
        _folder.Write("here/config.json");
        _folder.Write("here/data.tsv");
        Assert.Throws<ZipLMException>(() => Locate("data.tsv"));
        Assert.Equal(new ModelLocation("here", _folder["here"]), Locate("."));
    }

    [Fact]
    public void KnownNamesAreTheStoresTheCachesAndTheAliases()
    {
        _folder.Write("home/models/mine/config.json");
        AddToCache("models--acme--own");
        IReadOnlyList<string> names = Locator().KnownNames();
        Assert.Contains("mine", names);
        Assert.Contains("acme/own", names);
        Assert.Contains("bert", names);
        Assert.Equal(names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal), names);
    }

    [Fact]
    public void KnownNamesNeverFail()
    {
        // A reference that exists and gives a read error, for root too: address 0 of one's own memory.
        AddToCache("models--acme--own");
        File.Delete(_folder["hub/models--acme--own/refs/main"]);
        File.CreateSymbolicLink(_folder["hub/models--acme--own/refs/main"], "/proc/self/mem");
        Assert.ThrowsAny<IOException>(() => new HubCache(_folder["hub"]).List());
        _folder.Write("home/models/mine/config.json");
        Assert.Contains("mine", Locator().KnownNames());
        Assert.Contains("bert", new ModelLocator(new ModelStore(_folder["none"]), new HubCache(_folder["none"])).KnownNames());
    }

    private ModelLocator Locator() => new(new ModelStore(_folder["home"]), new HubCache(_folder["hub"]));

    private ModelLocation Locate(string name)
    {
        Directory.CreateDirectory(_folder["here"]);
        return Locator().Locate(name, _folder["here"]);
    }

    private string AddToCache(string folder)
    {
        _folder.Write($"hub/{folder}/refs/main", "abc123");
        return Path.GetDirectoryName(_folder.Write($"hub/{folder}/snapshots/abc123/config.json"))!;
    }
}
