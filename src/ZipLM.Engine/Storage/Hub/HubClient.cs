using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Polly.Timeout;

namespace ZipLM.Engine.Storage;

/// <summary>Asks the hub: what a repository holds, what a file is, and for its bytes. The token goes to the hub alone, wherever it redirects to.</summary>
internal sealed class HubClient(HubSettings settings, IReporter reporter) : IDisposable
{
    private const int MostRedirects = 8;

    private readonly HttpClient _http = new(new HubRetry(settings, reporter).Around(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = settings.ConnectTimeout,
    }))
    {
        Timeout = Timeout.InfiniteTimeSpan,
        DefaultRequestHeaders = { UserAgent = { new ProductInfoHeaderValue("ZipLM", typeof(HubClient).Assembly.GetName().Version!.ToString(3)) } },
    };

    public HubSettings Settings => settings;

    /// <summary>A revision's commit and files.</summary>
    public async Task<HubListing> ListAsync(HubRepository repository, string revision, CancellationToken cancellationToken)
    {
        if (!HubCache.IsRevision(revision))
        {
            throw new ZipLMException("HubRevisionInvalid", ErrorKind.InvalidArgument, $"'{revision}' cannot be a revision.",
                "Give a branch, a tag or a commit.", revision);
        }

        var address = new Uri(settings.Endpoint, repository.ListPath(revision));
        using HttpResponseMessage answer = await SendAsync(HttpMethod.Get, address, 0, repository, cancellationToken).ConfigureAwait(false);
        RequireSuccess(answer, repository, revision, null);
        try
        {
            await using Stream body = await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            using JsonDocument document = await JsonDocument.ParseAsync(body, default, cancellationToken).ConfigureAwait(false);
            return HubListing.Parse(document.RootElement, repository, address);
        }
        catch (JsonException e)
        {
            throw HubErrors.AnswerInvalid(address, "it is not JSON", e);
        }
        catch (IOException e)
        {
            throw HubErrors.NotReached(settings, repository, e);
        }
    }

    /// <summary>What a file is, from the headers of the hub's own answer.</summary>
    public async Task<HubFile> DescribeAsync(HubRepository repository, string commit, string file, CancellationToken cancellationToken)
    {
        var address = new Uri(settings.Endpoint, repository.FilePath(commit, file));
        using HttpResponseMessage answer = await SendAsync(HttpMethod.Head, address, 0, repository, cancellationToken).ConfigureAwait(false);
        if (!IsRedirect(answer))
            RequireSuccess(answer, repository, commit, file);
        string? etag = (Header(answer, "X-Linked-Etag") ?? Header(answer, "ETag"))?.Replace("W/", "", StringComparison.Ordinal).Trim('"');
        if (etag is null || !ModelName.IsValidPart(etag))
            throw HubErrors.AnswerInvalid(address, "it gives no ETag for the file");
        long? size = long.TryParse(Header(answer, "X-Linked-Size"), NumberStyles.None, CultureInfo.InvariantCulture, out long linked) ? linked
            : IsRedirect(answer) ? null : answer.Content.Headers.ContentLength;
        if (Header(answer, "X-Repo-Commit") is { } other && other != commit)
            throw HubErrors.AnswerInvalid(address, $"it gives the file of commit '{other}'");
        return new HubFile(file, etag, size ?? throw HubErrors.AnswerInvalid(address, "it gives no size for the file"));
    }

    /// <summary>The answer with a file's bytes from an offset on; what came is for the caller to check.</summary>
    /// <exception cref="HttpRequestException">No connection.</exception>
    public async Task<HttpResponseMessage> OpenAsync(HubRepository repository, string commit, HubFile file, long from, CancellationToken cancellationToken)
    {
        HttpResponseMessage answer = await FollowAsync(HttpMethod.Get, new Uri(settings.Endpoint, repository.FilePath(commit, file.Name)), from, cancellationToken).ConfigureAwait(false);
        try
        {
            if (answer.StatusCode != HttpStatusCode.RequestedRangeNotSatisfiable)
                RequireSuccess(answer, repository, commit, file.Name);
            return answer;
        }
        catch
        {
            answer.Dispose();
            throw;
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, Uri address, long from, HubRepository repository, CancellationToken cancellationToken)
    {
        try
        {
            return await FollowAsync(method, address, from, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (IsConnectionFailure(e, cancellationToken))
        {
            throw HubErrors.NotReached(settings, repository, e);
        }
    }

    /// <summary>Whether a request failed on its way, and not because the user cancelled it.</summary>
    public static bool IsConnectionFailure(Exception failure, CancellationToken cancellationToken) =>
        failure is HttpRequestException or TimeoutRejectedException || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    private async Task<HttpResponseMessage> FollowAsync(HttpMethod method, Uri address, long from, CancellationToken cancellationToken)
    {
        for (int redirects = 0; redirects <= MostRedirects; redirects++)
        {
            using var request = new HttpRequestMessage(method, address);
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
            if (settings.Token is { } token && IsSameHost(address, settings.Endpoint))
                request.Headers.Authorization = token.Header;
            if (from > 0)
                request.Headers.Range = new RangeHeaderValue(from, null);
            HttpResponseMessage answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            if (!IsRedirect(answer))
                return answer;
            var next = new Uri(address, answer.Headers.Location!);

            // A large file's description stands on the answer that sends to where its bytes are.
            if (method == HttpMethod.Head && !IsSameHost(next, address))
                return answer;
            answer.Dispose();
            if (next.Scheme != address.Scheme && next.Scheme != Uri.UriSchemeHttps)
                throw HubErrors.AnswerInvalid(address, $"it redirects from {address.Scheme} to {next.Scheme}");
            address = next;
        }

        throw HubErrors.AnswerInvalid(address, "it redirects without end");
    }

    private void RequireSuccess(HttpResponseMessage answer, HubRepository repository, string revision, string? file)
    {
        if (!answer.IsSuccessStatusCode)
            throw HubErrors.Refused(settings, repository, revision, file, answer);
    }

    private static bool IsRedirect(HttpResponseMessage answer) => (int)answer.StatusCode is 301 or 302 or 303 or 307 or 308 && answer.Headers.Location is not null;

    private static bool IsSameHost(Uri one, Uri other) => Uri.Compare(one, other, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() : null;
}
