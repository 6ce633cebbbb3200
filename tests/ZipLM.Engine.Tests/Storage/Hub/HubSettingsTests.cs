using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

public sealed class HubSettingsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheHubIsTheRealOneUnlessTheEnvironmentNamesAnother()
    {
        Assert.Equal("https://huggingface.co/", From().Endpoint.ToString());
        Assert.Equal("https://mirror.example/hub/", From(("HF_ENDPOINT", "https://mirror.example/hub")).Endpoint.ToString());
    }

    [Theory]
    [InlineData("mirror.example")]
    [InlineData("ftp://mirror.example")]
    [InlineData("https://name:password@mirror.example")]
    public void AnAddressThatIsNoneIsRefusedWithoutRepeatingIt(string endpoint)
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => From(("HF_ENDPOINT", endpoint)));
        Assert.Equal("ZipLM.HubEndpointInvalid", error.ErrorId);
        Assert.DoesNotContain("password@", error.Message + error.Remedy + error.Target, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("true", true)]
    [InlineData(" Yes ", true)]
    [InlineData("on", true)]
    [InlineData("0", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void OfflineIsWhatOtherToolsTakeForIt(string? value, bool offline) => Assert.Equal(offline, From(("HF_HUB_OFFLINE", value)).Offline);

    [Fact]
    public void TheTokenComesFromTheEnvironmentElseFromTheFileOfTheLogin()
    {
        Assert.Null(From(("HF_HOME", _folder.Root)).Token);
        _folder.Write("token", "of-the-file\n");
        Assert.Equal("of-the-file", From(("HF_HOME", _folder.Root)).Token!.Header.Parameter);
        Assert.Equal("of-the-variable", From(("HF_HOME", _folder.Root), ("HF_TOKEN", " of-the-variable ")).Token!.Header.Parameter);
        Assert.Equal("of-another", From(("HF_HOME", _folder.Root), ("HF_TOKEN_PATH", _folder.Write("other", "of-another"))).Token!.Header.Parameter);
    }

    [Theory]
    [InlineData("two words")]
    [InlineData("a\nX-Header: b")]
    [InlineData("ü")]
    public void ATokenThatNoHeaderCanCarryIsRefusedWithoutShowingIt(string token)
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => From(("HF_TOKEN", token)));
        Assert.Equal("ZipLM.HubTokenInvalid", error.ErrorId);
        Assert.DoesNotContain(token, error.ToString(), StringComparison.Ordinal);
    }

    private HubSettings From(params (string Name, string? Value)[] variables) =>
        HubSettings.FromEnvironment(name => variables.FirstOrDefault(variable => variable.Name == name).Value ?? (name == "XDG_CACHE_HOME" ? _folder["none"] : null));
}
