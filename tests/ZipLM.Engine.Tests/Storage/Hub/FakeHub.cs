using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ZipLM.Engine.Tests.Storage;

/// <summary>
/// A hub on this machine that answers as the real one does: lists of files, descriptions in headers, small files from itself
/// and large ones (safetensors, Parquet) from another host. It can be told to fail in any way.
/// </summary>
public sealed class FakeHub : IDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly HttpListener _hub;
    private readonly HttpListener _storage;
    private readonly ConcurrentDictionary<string, Repository> _repositories = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Request> _requests = [];

    public FakeHub()
    {
        (_hub, Address) = Listen();
        (_storage, StorageAddress) = Listen();
        _ = ServeAsync(_hub, Answer);
        _ = ServeAsync(_storage, AnswerFromStorage);
    }

    public string Address { get; }

    /// <summary>The other host, where large files lie.</summary>
    public string StorageAddress { get; }

    /// <summary>What came, in order.</summary>
    public IReadOnlyList<Request> Requests => [.. _requests];

    /// <summary>Asked before anything is answered, by either host; true = it has answered by itself.</summary>
    public Func<HttpListenerContext, Request, bool>? Instead { get; set; }

    /// <summary>Whether the bytes of a large file are served from an offset on.</summary>
    public bool TakesRanges { get; set; } = true;

    /// <summary>After how many bytes the connection breaks, for the Nth request for a large file's bytes, counted from 0; null = not at all.</summary>
    public Func<int, int?> Break { get; set; } = _ => null;

    /// <summary>The size that is announced for a large file in place of its own.</summary>
    public long? AnnouncedSize { get; set; }

    /// <summary>The ETag that is announced in place of the right one.</summary>
    public string? AnnouncedETag { get; set; }

    /// <summary>What storage really sends in place of a large file's content.</summary>
    public byte[]? Sent { get; set; }

    /// <summary>Requests for the bytes of large files.</summary>
    public IReadOnlyList<Request> Downloads => [.. Requests.Where(request => request.Host == StorageAddress)];

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public static string GitSha1(byte[] content) =>
        Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0")), .. content]));

    /// <summary>Adds a repository, <c>models/org/name</c> or <c>datasets/org/name</c>, at a revision.</summary>
    public void Add(string repository, params (string Name, byte[] Content)[] files) => Add(repository, "main", Commit, files);

    public void Add(string repository, string revision, string commit, params (string Name, byte[] Content)[] files)
    {
        var known = new Repository(commit, files.ToDictionary(file => file.Name, file => file.Content, StringComparer.Ordinal));
        _repositories[$"{repository}@{revision}"] = _repositories[$"{repository}@{commit}"] = known;
    }

    /// <summary>Answers with a status and headers.</summary>
    public static bool Status(HttpListenerContext context, int status, params (string Name, string Value)[] headers)
    {
        context.Response.StatusCode = status;
        foreach ((string name, string value) in headers)
            context.Response.AddHeader(name, value);
        context.Response.Close();
        return true;
    }

    public void Dispose()
    {
        _hub.Close();
        _storage.Close();
    }

    private static (HttpListener Listener, string Address) Listen()
    {
        for (int attempt = 0; ; attempt++)
        {
            int port;
            using (var probe = new TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                port = ((IPEndPoint)probe.LocalEndpoint).Port;
            }

            string address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
            var listener = new HttpListener { Prefixes = { address + "/" }, IgnoreWriteExceptions = true };
            try
            {
                listener.Start();
                return (listener, address);
            }
            catch (HttpListenerException) when (attempt < 5)
            {
                // Another test has taken the port in between.
            }
        }
    }

    private async Task ServeAsync(HttpListener listener, Action<HttpListenerContext> answer)
    {
        while (listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            _ = Task.Run(() =>
            {
                var request = new Request(
                    $"http://{context.Request.UserHostName}", context.Request.HttpMethod, Uri.UnescapeDataString(context.Request.Url!.AbsolutePath),
                    context.Request.Headers["Range"], context.Request.Headers["Authorization"]);
                _requests.Enqueue(request);
                try
                {
                    if (Instead?.Invoke(context, request) != true)
                        answer(context);
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or IOException)
                {
                    // The client went away.
                }
            }, CancellationToken.None);
        }
    }

    private void Answer(HttpListenerContext context)
    {
        string path = Uri.UnescapeDataString(context.Request.Url!.AbsolutePath)[1..];
        if (path.StartsWith("api/", StringComparison.Ordinal) && path.Split("/revision/", 2) is [var listed, var revision])
        {
            if (!_repositories.TryGetValue($"{listed["api/".Length..]}@{revision}", out Repository? found))
                Status(context, 404, ("X-Error-Code", _repositories.Keys.Any(key => key.StartsWith(listed["api/".Length..] + "@", StringComparison.Ordinal)) ? "RevisionNotFound" : "RepoNotFound"));
            else
                Send(context, JsonSerializer.SerializeToUtf8Bytes(new { sha = found.Commit, siblings = found.Files.Keys.Select(name => new { rfilename = name }) }));
            return;
        }

        if (path.Split("/resolve/", 2) is not [var id, var rest] || rest.Split('/', 2) is not [var commit, var file]
            || !_repositories.TryGetValue($"{(id.StartsWith("datasets/", StringComparison.Ordinal) ? id : "models/" + id)}@{commit}", out Repository? repository)
            || !repository.Files.TryGetValue(file, out byte[]? content))
        {
            Status(context, 404, ("X-Error-Code", "EntryNotFound"));
            return;
        }

        context.Response.AddHeader("X-Repo-Commit", repository.Commit);
        if (!file.EndsWith(".safetensors", StringComparison.Ordinal) && !file.EndsWith(".parquet", StringComparison.Ordinal))
        {
            context.Response.AddHeader("ETag", $"\"{AnnouncedETag ?? GitSha1(content)}\"");
            Send(context, content);
            return;
        }

        Status(context, 302,
            ("ETag", "\"of the redirect\""), ("X-Linked-Etag", $"\"{AnnouncedETag ?? Sha256(content)}\""),
            ("X-Linked-Size", (AnnouncedSize ?? content.Length).ToString(CultureInfo.InvariantCulture)),
            ("Location", $"{StorageAddress}/{path}?X-Signature=secret-signature"));
    }

    private void AnswerFromStorage(HttpListenerContext context)
    {
        int index = Downloads.Count - 1;
        string[] path = Uri.UnescapeDataString(context.Request.Url!.AbsolutePath)[1..].Split("/resolve/", 2);
        string key = (path[0].StartsWith("datasets/", StringComparison.Ordinal) ? "" : "models/") + path[0];
        byte[] content = Sent ?? _repositories[$"{key}@{path[1].Split('/')[0]}"].Files[path[1].Split('/', 2)[1]];
        int from = 0;
        if (TakesRanges && context.Request.Headers["Range"] is { } range)
        {
            from = int.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture);
            if (from >= content.Length)
            {
                Status(context, 416);
                return;
            }

            context.Response.StatusCode = 206;
            context.Response.AddHeader("Content-Range", string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{content.Length - 1}/{content.Length}"));
        }

        context.Response.ContentLength64 = content.Length - from;
        if (Break(index) is { } length)
        {
            context.Response.OutputStream.Write(content.AsSpan(from, Math.Min(length, content.Length - from)));
            context.Response.OutputStream.Flush();
            context.Response.Abort();
            return;
        }

        context.Response.OutputStream.Write(content.AsSpan(from));
        context.Response.Close();
    }

    private static void Send(HttpListenerContext context, byte[] content)
    {
        context.Response.ContentLength64 = content.Length;
        if (context.Request.HttpMethod != "HEAD")
            context.Response.OutputStream.Write(content);
        context.Response.Close();
    }

    public sealed record Request(string Host, string Method, string Path, string? Range, string? Authorization);

    private sealed record Repository(string Commit, Dictionary<string, byte[]> Files);
}
