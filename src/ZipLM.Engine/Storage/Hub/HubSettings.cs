namespace ZipLM.Engine.Storage;

/// <summary>Which hub, cache and token to use, as the environment says: the same variables as Hugging Face's own tools.</summary>
public sealed record HubSettings
{
    private const string DefaultEndpoint = "https://huggingface.co";

    internal HubSettings(Uri endpoint, HubCache cache)
    {
        Endpoint = endpoint;
        Cache = cache;
    }

    /// <summary>The hub's address (<c>HF_ENDPOINT</c>), with a slash at its end.</summary>
    public Uri Endpoint { get; }

    /// <summary>Where files are kept (<c>HF_HUB_CACHE</c>, <c>HF_HOME</c>).</summary>
    public HubCache Cache { get; }

    /// <summary>True when the hub may not be asked (<c>HF_HUB_OFFLINE</c>).</summary>
    public bool Offline { get; init; }

    /// <summary>What opens private repositories (<c>HF_TOKEN</c>, or the file of <c>hf auth login</c>); null = none.</summary>
    internal HubToken? Token { get; init; }

    /// <summary>How long a connection may take: a machine without a network is told soon.</summary>
    internal TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>How long the hub may think before it answers, and how long a download may stand still.</summary>
    internal TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>The pause before the first repeated try; doubled with each.</summary>
    internal TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause that the hub may ask for; for more, the user is told instead.</summary>
    internal TimeSpan LongestWait { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The address as a user writes it.</summary>
    internal string Name => Endpoint.ToString().TrimEnd('/');

    /// <summary>The settings of this process's environment.</summary>
    /// <param name="token">A token to use in place of the environment's.</param>
    /// <exception cref="ZipLMException"><c>HubEndpointInvalid</c>, <c>HubTokenInvalid</c>.</exception>
    public static HubSettings Default(string? token = null)
    {
        HubSettings settings = FromEnvironment(Environment.GetEnvironmentVariable);
        return token is null ? settings : settings with { Token = HubToken.From(token, "-Credential") };
    }

    internal static HubSettings FromEnvironment(Func<string, string?> environment)
    {
        string endpoint = environment("HF_ENDPOINT") is { Length: > 0 } own ? own : DefaultEndpoint;
        if (!Uri.TryCreate(endpoint.TrimEnd('/') + "/", UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https") || address.UserInfo.Length > 0)
        {
            throw new ZipLMException("HubEndpointInvalid", ErrorKind.InvalidArgument,
                "The environment variable HF_ENDPOINT is not an address of a hub.", $"Unset it, or give an address such as {DefaultEndpoint}, without a name or password.", "HF_ENDPOINT");
        }

        return new HubSettings(address, HubCache.FromEnvironment(environment))
        {
            Offline = environment("HF_HUB_OFFLINE")?.Trim().ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE",
            Token = HubToken.FromEnvironment(environment),
        };
    }
}
