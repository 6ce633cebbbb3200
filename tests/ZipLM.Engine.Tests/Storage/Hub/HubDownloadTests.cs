using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

/// <summary>Downloads from a hub on this machine that behaves, and from one that does not.</summary>
public sealed class HubDownloadTests : IDisposable
{
    private const string Secret = "hf_thisMustNeverBeSeen";

    private static readonly byte[] Config = "{\"model_type\":\"bert\"}"u8.ToArray();
    private static readonly byte[] Vocabulary = "[PAD]\n[UNK]\n"u8.ToArray();
    private static readonly byte[] Weights = Content(300_000);

    private readonly TempFolder _folder = new();
    private readonly FakeHub _hub = new();
    private readonly RecordingReporter _reporter = new();

    public HubDownloadTests() => _hub.Add("models/acme/own",
        ("config.json", Config), ("vocab.txt", Vocabulary), ("model.safetensors", Weights),
        ("pytorch_model.bin", Content(10)), ("modeling_own.py", "import os"u8.ToArray()), ("onnx/model.onnx", Content(10)));

    private HubSettings Settings => new(new Uri(_hub.Address + "/"), new HubCache(_folder["hub"]))
    {
        RetryDelay = TimeSpan.FromMilliseconds(5),
        AnswerTimeout = TimeSpan.FromMinutes(1),
    };

    private string Blob => _folder[$"hub/models--acme--own/blobs/{FakeHub.Sha256(Weights)}"];

    public void Dispose()
    {
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void AModelLiesInTheLayoutThatOtherToolsShareAndIsNotAskedForAgain()
    {
        ModelLocation found = Locate("acme/own");
        string root = _folder["hub/models--acme--own"];
        Assert.Equal(new ModelLocation("acme/own", Path.Combine(root, "snapshots", FakeHub.Commit)), found);
        Assert.Equal(FakeHub.Commit, File.ReadAllText(Path.Combine(root, "refs/main")));
        Assert.Equal(["config.json", "model.safetensors", "vocab.txt"], Directory.GetFiles(found.Directory).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        foreach ((string name, byte[] content, string etag) in new[]
        {
            ("config.json", Config, FakeHub.GitSha1(Config)), ("vocab.txt", Vocabulary, FakeHub.GitSha1(Vocabulary)), ("model.safetensors", Weights, FakeHub.Sha256(Weights)),
        })
        {
            Assert.Equal($"../../blobs/{etag}", new FileInfo(Path.Combine(found.Directory, name)).LinkTarget);
            Assert.Equal(content, File.ReadAllBytes(Path.Combine(found.Directory, name)));
        }

        Assert.Equal(3, Directory.GetFiles(Path.Combine(root, "blobs")).Length);
        Assert.DoesNotContain(_hub.Requests, request => request.Path.Contains(".bin", StringComparison.Ordinal) || request.Path.Contains(".py", StringComparison.Ordinal) || request.Path.Contains("onnx", StringComparison.Ordinal));

        int asked = _hub.Requests.Count;
        Assert.Equal(found, Locate("acme/own"));
        Assert.Equal(found, Locate("acme/own", FakeHub.Commit));
        Assert.Equal(asked, _hub.Requests.Count);
    }

    [Fact]
    public void AnAliasStandsForItsModelOnTheHub()
    {
        _hub.Add("models/google-bert/bert-base-uncased", ("config.json", Config), ("vocab.txt", Vocabulary), ("model.safetensors", Weights));
        Assert.Equal("bert", Locate("bert").Name);
        Assert.True(Directory.Exists(_folder["hub/models--google-bert--bert-base-uncased/snapshots"]));
    }

    [Fact]
    public void ARevisionHasAReferenceAndASnapshotOfItsOwnAndSharesBlobs()
    {
        string other = new('b', 40);
        _hub.Add("models/acme/own", "refs/pr/7", other, ("config.json", Config), ("vocab.txt", "other"u8.ToArray()), ("model.safetensors", Weights));
        Locate("acme/own");
        Assert.EndsWith($"snapshots/{other}", Locate("acme/own", "refs/pr/7").Directory, StringComparison.Ordinal);
        Assert.Equal(other, File.ReadAllText(_folder["hub/models--acme--own/refs/refs/pr/7"]));
        Assert.Single(_hub.Downloads);
    }

    [Fact]
    public void ARevisionIsNeverLookedForInAPathOrTheStore()
    {
        _folder.Write("here/acme/own/config.json");
        Assert.Equal(_folder["here/acme/own"], Locate("acme/own").Directory);
        Assert.Contains("snapshots", Locate("acme/own", "main").Directory, StringComparison.Ordinal);
    }

    [Fact]
    public void ShardsAreFetchedByTheirIndex()
    {
        byte[] first = Content(70_000), second = Content(80_001);
        byte[] index = Encoding.UTF8.GetBytes("""{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors","c":"model-1.safetensors"}}""");
        _hub.Add("models/acme/own", ("config.json", Config), ("vocab.txt", Vocabulary), ("model.safetensors.index.json", index), ("model-1.safetensors", first), ("model-2.safetensors", second), ("unused.safetensors", first));
        string directory = Locate("acme/own").Directory;
        Assert.Equal(first, File.ReadAllBytes(Path.Combine(directory, "model-1.safetensors")));
        Assert.Equal(second, File.ReadAllBytes(Path.Combine(directory, "model-2.safetensors")));
        Assert.False(File.Exists(Path.Combine(directory, "unused.safetensors")));

        // A shard that another tool has not fetched is fetched now.
        File.Delete(Path.Combine(directory, "model-2.safetensors"));
        Assert.Equal(directory, Locate("acme/own").Directory);
        Assert.Equal(second, File.ReadAllBytes(Path.Combine(directory, "model-2.safetensors")));
    }

    [Fact]
    public void TheTokenReachesTheHubAloneAndIsNeverShown()
    {
        HubSettings settings = Settings with { Token = HubToken.From(Secret, "a test") };
        Locate("acme/own", settings: settings);
        Assert.NotEmpty(_hub.Downloads);
        Assert.All(_hub.Requests, request => Assert.Equal(request.Host == _hub.Address ? $"Bearer {Secret}" : null, request.Authorization));

        _hub.Instead = (context, _) => FakeHub.Status(context, 401);
        ZipLMException refused = Fails("HubAccessDenied", "acme/other", settings: settings);
        string said = string.Join('\n', [.. _reporter.VerboseMessages, .. _reporter.Warnings, refused.ToString(), refused.Remedy, settings.ToString(), settings.Token!.ToString()]);
        Assert.DoesNotContain(Secret, said, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-signature", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, new[] { 0, 100_000, 150_000 })]
    [InlineData(false, new[] { 0, 100_000, 50_000 })]
    public void ABrokenDownloadGoesOnWhereItStopped(bool takesRanges, int[] from)
    {
        _hub.TakesRanges = takesRanges;
        _hub.Break = request => request switch { 0 => 100_000, 1 => 50_000, _ => null };
        string directory = Locate("acme/own").Directory;
        Assert.Equal(Weights, File.ReadAllBytes(Path.Combine(directory, "model.safetensors")));
        Assert.Equal(from.Select(offset => offset == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"bytes={offset}-")), _hub.Downloads.Select(request => request.Range));
    }

    [Fact]
    public void AnotherRunGoesOnWhereOneWasStopped()
    {
        _hub.Break = _ => 0;
        _folder.Write($"hub/models--acme--own/blobs/x");
        File.WriteAllBytes(Blob + ".incomplete", Weights[..123_456]);
        ZipLMException error = Fails("HubConnectionLost", "acme/own");
        Assert.Contains("123,456 of 300,000 bytes", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["hub/models--acme--own/refs/main"]));

        _hub.Break = _ => null;
        Locate("acme/own");
        Assert.Equal(Weights, File.ReadAllBytes(Blob));
        Assert.All(_hub.Downloads, request => Assert.Equal("bytes=123456-", request.Range));
        Assert.False(File.Exists(Blob + ".incomplete"));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(300_000)]
    [InlineData(400_000)]
    public void WhatADamagedRunLeftIsDownloadedAgain(int length)
    {
        _folder.Write($"hub/models--acme--own/blobs/x");
        File.WriteAllBytes(Blob + ".incomplete", new byte[length]);
        Locate("acme/own");
        Assert.Equal(Weights, File.ReadAllBytes(Blob));
    }

    [Fact]
    public void WrongContentIsRefusedAndNothingOfItKept()
    {
        byte[] sent = [.. Weights];
        sent[200_000] ^= 1;
        _hub.Sent = sent;
        ZipLMException error = Fails("HubFileDamaged", "acme/own");
        Assert.Contains("model.safetensors", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Blob));
        Assert.False(File.Exists(Blob + ".incomplete"));
        Assert.False(File.Exists(_folder["hub/models--acme--own/refs/main"]));
    }

    [Fact]
    public void AWrongSmallFileIsRefusedToo()
    {
        _hub.AnnouncedETag = FakeHub.GitSha1("something else"u8.ToArray());
        Fails("HubFileDamaged", "acme/own");
        Assert.Empty(Directory.GetFiles(_folder["hub/models--acme--own/blobs"]));
    }

    [Theory]
    [InlineData(299_999)]
    [InlineData(300_001)]
    public void AWrongLengthIsRefused(long announced)
    {
        _hub.AnnouncedSize = announced;
        ZipLMException error = Fails("HubLengthMismatch", "acme/own");
        Assert.Contains("300,000", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Blob));
        Assert.False(File.Exists(Blob + ".incomplete") && new FileInfo(Blob + ".incomplete").Length > 0);
    }

    [Fact]
    public void MoreBytesThanAnnouncedAreRefusedEvenWithoutALength()
    {
        _hub.Instead = (context, request) =>
        {
            if (request.Host == _hub.Address)
                return false;
            context.Response.SendChunked = true;
            context.Response.OutputStream.Write([.. Weights, 1]);
            context.Response.Close();
            return true;
        };
        Fails("HubLengthMismatch", "acme/own");
    }

    [Fact]
    public void AFileThatCannotFitIsRefusedBeforeItsFirstByte()
    {
        _hub.AnnouncedSize = 1L << 60;
        ZipLMException error = Fails("DiskFull", "acme/own");
        Assert.Contains("1,152,921,504,606,846,976", error.Message, StringComparison.Ordinal);
        Assert.Empty(_hub.Downloads);
    }

    [Theory]
    [InlineData(401, null, "HubAccessDenied", "HF_TOKEN")]
    [InlineData(401, "RepoNotFound", "ModelNotFound", "organisation/name")]
    [InlineData(401, "GatedRepo", "HubAccessDenied", "accept the terms")]
    [InlineData(403, "GatedRepo", "HubAccessDenied", "accept the terms")]
    [InlineData(403, null, "HubAccessDenied", "accept the terms")]
    [InlineData(404, null, "ModelNotFound", "organisation/name")]
    [InlineData(404, "RepoNotFound", "ModelNotFound", "organisation/name")]
    [InlineData(404, "RevisionNotFound", "HubRevisionNotFound", "-Revision")]
    [InlineData(429, null, "HubTooManyRequests", "Wait")]
    [InlineData(500, null, "HubUnavailable", "later")]
    [InlineData(503, null, "HubUnavailable", "later")]
    [InlineData(418, null, "HubAnswerInvalid", "HF_ENDPOINT")]
    [InlineData(200, null, "HubAnswerInvalid", "HF_ENDPOINT")]
    public void EveryRefusalIsOneErrorWithARemedy(int status, string? code, string id, string remedy)
    {
        _hub.Instead = (context, _) => FakeHub.Status(context, status, code is null ? [] : [("X-Error-Code", code)]);
        ZipLMException error = Fails(id, "acme/own", "v1");
        Assert.Contains(remedy, error.Remedy, StringComparison.Ordinal);
        Assert.Equal(status is 429 or 500 or 503 ? 5 : 1, _hub.Requests.Count);
    }

    [Fact]
    public void AModelThatIsNowhereListsWhereItWasLookedFor()
    {
        ZipLMException error = Fails("ModelNotFound", "acme/none");
        Assert.Equal("acme/none", error.Target);
        foreach (string place in new[] { _folder["here/acme/none"], _folder["home/models/acme/none"], _folder["hub/models--acme--none"], _hub.Address })
            Assert.Contains(place, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public void ItWaitsAsLongAsTheHubAsks(int status)
    {
        int left = 1;
        _hub.Instead = (context, _) => Interlocked.Decrement(ref left) >= 0 && FakeHub.Status(context, status, ("Retry-After", "1"));
        var watch = Stopwatch.StartNew();
        Locate("acme/own");
        Assert.True(watch.Elapsed > TimeSpan.FromSeconds(0.9), $"{watch.Elapsed}");
        Assert.Contains(_reporter.VerboseMessages, text => text.Contains(status.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal) && text.Contains("in 1 s", StringComparison.Ordinal));
    }

    [Fact]
    public void NobodyWaitsAnHour()
    {
        _hub.Instead = (context, _) => FakeHub.Status(context, 429, ("Retry-After", "3600"));
        ZipLMException error = Fails("HubTooManyRequests", "acme/own");
        Assert.Contains("3600 s", error.Message, StringComparison.Ordinal);
        Assert.Single(_hub.Requests);
    }

    [Fact]
    public void AFailureForAMomentInTheMiddleOfADownloadIsSeenThrough()
    {
        int count = 0;
        _hub.Instead = (context, request) => request.Host == _hub.StorageAddress && Interlocked.Increment(ref count) <= 3 && FakeHub.Status(context, 503);
        Locate("acme/own");
        Assert.Equal(Weights, File.ReadAllBytes(Blob));
    }

    [Fact]
    public void AStandstillIsABrokenConnection()
    {
        int count = 0;
        using var release = new ManualResetEventSlim();
        _hub.Instead = (context, request) =>
        {
            if (request.Host == _hub.Address || Interlocked.Increment(ref count) > 1)
                return false;
            context.Response.ContentLength64 = Weights.Length;
            context.Response.OutputStream.Write(Weights.AsSpan(0, 100_000));
            context.Response.OutputStream.Flush();
            release.Wait(TimeSpan.FromMinutes(1), CancellationToken.None);
            context.Response.Abort();
            return true;
        };
        Locate("acme/own", settings: Settings with { AnswerTimeout = TimeSpan.FromSeconds(1) });
        release.Set();
        Assert.Equal(Weights, File.ReadAllBytes(Blob));
        Assert.Equal("bytes=100000-", _hub.Downloads[1].Range);
    }

    [Fact]
    public void ACancelledDownloadEndsAtOnceAndKeepsWhatCame()
    {
        using var release = new ManualResetEventSlim();
        using var cancel = new CancellationTokenSource();
        bool hungUp = false;
        _hub.Instead = (context, request) =>
        {
            if (request.Host == _hub.Address)
                return false;
            context.Response.ContentLength64 = Weights.Length;
            context.Response.OutputStream.Write(Weights.AsSpan(0, 100_000));
            context.Response.OutputStream.Flush();
            SpinWait.SpinUntil(() => File.Exists(Blob + ".incomplete") && new FileInfo(Blob + ".incomplete").Length == 100_000, TimeSpan.FromMinutes(1));
            cancel.Cancel();
            release.Wait(TimeSpan.FromMinutes(1), CancellationToken.None);
            Volatile.Write(ref hungUp, true);
            context.Response.Abort();
            return true;
        };
        Assert.ThrowsAny<OperationCanceledException>(() => Locate("acme/own", cancellation: cancel.Token));
        Assert.False(Volatile.Read(ref hungUp), "It waited for the hub.");
        release.Set();
        Assert.Equal(Weights[..100_000], File.ReadAllBytes(Blob + ".incomplete"));
    }

    [Fact]
    public void APickleIsNeverFetched()
    {
        _hub.Add("models/acme/own", ("config.json", Config), ("vocab.txt", Vocabulary), ("pytorch_model.bin", Weights));
        ZipLMException error = Fails("CheckpointPickle", "acme/own");
        Assert.Contains("save_pretrained", error.Remedy, StringComparison.Ordinal);
        Assert.Contains("acme/own", error.Remedy, StringComparison.Ordinal);
        Assert.Single(_hub.Requests);
    }

    [Theory]
    [InlineData("../../../evil.json")]
    [InlineData("/etc/evil")]
    [InlineData("a/../../evil")]
    [InlineData("a\\..\\evil")]
    [InlineData("c:evil")]
    [InlineData("a//evil")]
    [InlineData(".")]
    public void AListingThatLeadsElsewhereIsRefused(string name)
    {
        _hub.Add("models/acme/own", ("config.json", Config), ("model.safetensors", Weights), (name, Config));
        Fails("HubPathTraversal", "acme/own");
        Assert.Equal(["here"], _folder.Entries());
    }

    [Fact]
    public void AnIndexThatLeadsElsewhereIsRefused()
    {
        _hub.Add("models/acme/own", ("config.json", Config), ("vocab.txt", Vocabulary), ("model.safetensors.index.json", """{"weight_map":{"a":"../../evil"}}"""u8.ToArray()));
        Fails("CheckpointPathTraversal", "acme/own");
        Assert.False(File.Exists(_folder["hub/models--acme--own/refs/main"]));
    }

    [Theory]
    [InlineData("../../evil")]
    [InlineData("")]
    public void AnETagThatIsNoNameIsRefused(string etag)
    {
        _hub.AnnouncedETag = etag;
        Fails("HubAnswerInvalid", "acme/own");
    }

    [Fact]
    public void ACommitThatIsNoNameIsRefused()
    {
        _hub.Add("models/acme/own", "main", "../../evil", ("config.json", Config));
        Fails("HubAnswerInvalid", "acme/own");
    }

    [Fact]
    public void EndlessRedirectsEnd()
    {
        _hub.Instead = (context, _) => FakeHub.Status(context, 307, ("Location", "/again"));
        Fails("HubAnswerInvalid", "acme/own");
        Assert.InRange(_hub.Requests.Count, 2, 20);
    }

    [Fact]
    public void ARenamedModelIsFollowedOnTheSameHost()
    {
        _hub.Instead = (context, request) => request.Path.Contains("/old/", StringComparison.Ordinal)
            && FakeHub.Status(context, 307, ("Location", request.Path.Replace("/old/", "/acme/", StringComparison.Ordinal)));
        Assert.Contains("models--old--own", Locate("old/own", settings: Settings with { Token = HubToken.From(Secret, "a test") }).Directory, StringComparison.Ordinal);
        Assert.All(_hub.Requests, request => Assert.Equal(request.Host == _hub.Address, request.Authorization is not null));
    }

    [Fact]
    public async Task TwoAtOnceFetchABlobOnce()
    {
        ModelLocation[] both = await Task.WhenAll(Started(), Started());
        Assert.Equal(both[0], both[1]);
        Assert.Single(_hub.Downloads);
    }

    [Fact]
    public async Task ABlobThatAnotherProcessWritesIsWaitedFor()
    {
        string path = _folder.Write($"hub/.locks/models--acme--own/{FakeHub.Sha256(Weights)}.lock", "");
        Task<ModelLocation> download;
        await using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            download = Started();
            Assert.True(SpinWait.SpinUntil(() => _reporter.VerboseMessages.Any(text => text.Contains("Another process", StringComparison.Ordinal)), TimeSpan.FromMinutes(1)));
            Assert.Empty(_hub.Downloads);
        }

        await download;
        Assert.Single(_hub.Downloads);
    }

    [Fact]
    public void OfflineNothingIsAsked()
    {
        HubSettings offline = Settings with { Offline = true };
        ZipLMException error = Fails("ModelNotFound", "acme/own", settings: offline);
        Assert.Contains("HF_HUB_OFFLINE", error.Message, StringComparison.Ordinal);
        Assert.Empty(_hub.Requests);

        Locate("acme/own");
        Locate("acme/own", settings: offline);
    }

    [Fact]
    public void ANameThatCanBeNoIdIsNotAskedFor()
    {
        foreach (string name in new[] { "own", "../own", "a/b/c", "" })
            Fails("ModelNotFound", name);
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public void AHubThatIsNotThereIsToldAtOnce()
    {
        HubSettings nobody = new(new Uri($"http://127.0.0.1:{FreePort()}/"), new HubCache(_folder["hub"]));
        ZipLMException error = Fails("HubUnreachable", "acme/own", settings: nobody);
        Assert.DoesNotContain(_reporter.VerboseMessages, text => text.StartsWith("The hub failed", StringComparison.Ordinal));
        Assert.Contains(_folder["hub/models--acme--own"], error.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.ResourceUnavailable, error.Kind);

        // A part that another tool has fetched is better than nothing.
        _folder.Write("hub/models--acme--own/refs/main", "abc");
        _folder.Write("hub/models--acme--own/snapshots/abc/config.json");
        Assert.Equal(_folder["hub/models--acme--own/snapshots/abc"], Locate("acme/own", settings: nobody).Directory);
        Assert.Single(_reporter.Warnings);
    }

    [Fact]
    public void ASilentHubIsNotWaitedForAgainAndAgain()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        HubSettings settings = new(new Uri($"http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}/"), new HubCache(_folder["hub"])) { AnswerTimeout = TimeSpan.FromSeconds(0.3) };
        Fails("HubUnreachable", "acme/own", settings: settings);
        Assert.DoesNotContain(_reporter.VerboseMessages, text => text.StartsWith("The hub failed", StringComparison.Ordinal));
        silent.AcceptTcpClient().Dispose();
        Assert.False(silent.Pending(), "It connected again.");
    }

    [Fact]
    public void ProgressEndsWithAllBytes()
    {
        var updates = new List<ProgressUpdate>();
        var reporter = new RecordingReporter
        {
            OnProgress = update =>
            {
                lock (updates)
                    updates.Add(update);
            },
        };
        _hub.Break = request => request == 0 ? 100_000 : null;
        _hub.TakesRanges = false;
        Locate("acme/own", reporter: reporter);
        Assert.True(updates[^1].Completed);
        double total = Weights.Length + Config.Length + Vocabulary.Length;
        Assert.Equal(total, updates.Where(update => !update.Completed).MaxBy(update => update.Done)!.Done);
        Assert.All(updates, update => Assert.Equal((total, "Downloading acme/own"), (update.Total, update.Activity)));
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private Task<ModelLocation> Started() => Task.Run(() => Locate("acme/own"), TestContext.Current.CancellationToken);

    private static byte[] Content(int length)
    {
        var content = new byte[length];
        new Random(length).NextBytes(content);
        return content;
    }

    private ZipLMException Fails(string id, string name, string? revision = null, HubSettings? settings = null)
    {
        ZipLMException error = Assert.Throws<ZipLMException>(() => Locate(name, revision, settings));
        Assert.Equal("ZipLM." + id, error.ErrorId);
        Assert.NotEmpty(error.Remedy);
        return error;
    }

    private ModelLocation Locate(string name, string? revision = null, HubSettings? settings = null, IReporter? reporter = null, CancellationToken? cancellation = null)
    {
        Directory.CreateDirectory(_folder["here"]);
        HubSettings hub = settings ?? Settings;
        return new ModelLocator(new ModelStore(_folder["home"]), hub.Cache).LocateAsync(name, _folder["here"], revision, () => hub, reporter ?? _reporter, cancellation ?? CancellationToken.None).GetAwaiter().GetResult();
    }
}
