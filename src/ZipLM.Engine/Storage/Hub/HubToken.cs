using System.Net.Http.Headers;

namespace ZipLM.Engine.Storage;

/// <summary>A secret that opens private and gated repositories. It has no text of its own, so that no message can show it.</summary>
internal sealed class HubToken
{
    private readonly string _secret;

    private HubToken(string secret) => _secret = secret;

    /// <summary>The header that carries it.</summary>
    public AuthenticationHeaderValue Header => new("Bearer", _secret);

    /// <summary>A token, or null where there is no text. What cannot stand in a header is refused without repeating it.</summary>
    /// <exception cref="ZipLMException"><c>HubTokenInvalid</c>.</exception>
    public static HubToken? From(string? text, string source)
    {
        string secret = text?.Trim() ?? "";
        if (secret.Length == 0)
            return null;
        return secret.All(c => c is > ' ' and <= '~') ? new HubToken(secret) : throw new ZipLMException(
            "HubTokenInvalid", ErrorKind.InvalidArgument, $"The token of {source} holds characters that no token has.",
            "Copy the token again from the hub's page of access tokens.", source);
    }

    /// <summary><c>HF_TOKEN</c>, else the file that <c>hf auth login</c> writes, else null.</summary>
    public static HubToken? FromEnvironment(Func<string, string?> environment)
    {
        if (From(environment("HF_TOKEN"), "HF_TOKEN") is { } token)
            return token;
        string file = environment("HF_TOKEN_PATH") is { Length: > 0 } path ? path : Path.Combine(HubCache.HomeOf(environment), "token");
        try
        {
            return File.Exists(file) ? From(File.ReadAllText(file), file) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another account's token: most repositories need none, and the hub says so where one is missing.
            return null;
        }
    }

    /// <inheritdoc />
    public override string ToString() => "***";
}
