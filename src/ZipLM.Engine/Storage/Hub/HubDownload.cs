using System.Globalization;
using System.Text;

namespace ZipLM.Engine.Storage;

/// <summary>
/// A repository at one commit, whose files are brought into the local cache as they are asked for, in the layout that Hugging
/// Face's own tools share: <c>blobs/ETAG</c>, linked from <c>snapshots/COMMIT</c>, found by <c>refs/REVISION</c>.
/// </summary>
internal sealed class HubDownload
{
    private const int FilesAtOnce = 4;

    private readonly HubClient _client;
    private readonly HubRepository _repository;
    private readonly string _revision;
    private readonly IReporter _reporter;

    public HubDownload(HubClient client, HubRepository repository, string revision, HubListing listing, IReporter reporter)
    {
        _client = client;
        _repository = repository;
        _revision = revision;
        _reporter = reporter;
        Commit = listing.Commit;
        Directory = client.Settings.Cache.SnapshotOf(repository, listing.Commit);
    }

    private string Commit { get; }

    /// <summary>Where the files are put.</summary>
    public string Directory { get; }

    /// <summary>Brings files into the cache, several at once; those that are there cost nothing.</summary>
    /// <exception cref="ZipLMException">What went wrong with the first that failed; those that are complete stay, and a later call goes on with the rest.</exception>
    public async Task GetAsync(IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        string[] missing = [.. names.Where(name => !File.Exists(PathOf(name)))];
        var options = new ParallelOptions { MaxDegreeOfParallelism = FilesAtOnce, CancellationToken = cancellationToken };
        var described = new HubFile[missing.Length];
        await Parallel.ForAsync(0, missing.Length, options, async (i, stop) =>
            described[i] = await _client.DescribeAsync(_repository, Commit, missing[i], stop).ConfigureAwait(false)).ConfigureAwait(false);

        string activity = $"Downloading {_repository.Id}";
        long total = described.Sum(file => file.Size), done = 0;
        await Parallel.ForEachAsync(described, options, async (file, stop) =>
        {
            _reporter.Verbose(string.Create(CultureInfo.InvariantCulture, $"Downloading {file.Name} of the {_repository} at {Commit}, {file.Size:N0} bytes."));
            string blob = await new HubBlob(_client, _repository, Commit, file, _reporter, bytes =>
            {
                long sum = Interlocked.Add(ref done, bytes);
                _reporter.Progress(new(activity, string.Create(CultureInfo.InvariantCulture, $"{file.Name}: {sum / 1e6:N1} of {total / 1e6:N1} MB"), sum, total));
            }).GetAsync(stop).ConfigureAwait(false);
            Link(PathOf(file.Name), blob);
        }).ConfigureAwait(false);
        _reporter.Progress(new(activity, "", total, total, Completed: true));
    }

    /// <summary>Makes the revision's name stand for this commit: last of all, so that a name never leads to a part of a model.</summary>
    public void Name()
    {
        if (_revision == Commit)
            return;
        string reference = _client.Settings.Cache.ReferenceOf(_repository, _revision);
        if (File.Exists(reference) && File.ReadAllText(reference).Trim() == Commit)
            return;
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(reference)!);
        AtomicFile.Write(reference, Encoding.UTF8.GetBytes(Commit));
    }

    /// <summary>Where a file is put.</summary>
    public string PathOf(string name) => Path.Combine([Directory, .. name.Split('/')]);

    private static void Link(string path, string blob)
    {
        string folder = Path.GetDirectoryName(path)!;
        System.IO.Directory.CreateDirectory(folder);
        try
        {
            // A link that leads nowhere is left from a blob that was deleted.
            File.Delete(path);
            File.CreateSymbolicLink(path, Path.GetRelativePath(folder, blob));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another process made the same link, or the system allows none: then a copy serves.
            if (!File.Exists(path))
                File.Copy(blob, path, overwrite: true);
        }
    }
}
