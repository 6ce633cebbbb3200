namespace ZipLM.Engine.Storage;

/// <summary>
/// The local cache that Hugging Face's own tools keep: <c>models--org--name/refs/main</c> holds a commit, whose files
/// lie in <c>models--org--name/snapshots/COMMIT</c>, as links to <c>models--org--name/blobs/ETAG</c>; data sets likewise
/// in <c>datasets--org--name</c>.
/// </summary>
/// <param name="root">The cache's folder; it need not exist.</param>
public sealed class HubCache(string root)
{
    private readonly string _root = Path.GetFullPath(root);

    /// <summary>The cache at <c>HF_HUB_CACHE</c>, <c>HF_HOME</c>/hub, else in the account's cache folder.</summary>
    public static HubCache Default() => FromEnvironment(Environment.GetEnvironmentVariable);

    /// <summary>The directory of a model's files, or null when the cache does not hold its configuration at that revision.</summary>
    /// <param name="id">Id on the hub: <c>org/name</c>, or a plain name as old models have it.</param>
    /// <param name="revision">Branch, tag, or commit.</param>
    public string? Find(string id, string revision = "main")
    {
        return Snapshot(HubRepository.Model(id), revision) is { } snapshot && File.Exists(Path.Combine(snapshot, ModelDirectory.ConfigFile)) ? snapshot : null;
    }

    /// <summary>The directory of a repository's files at a revision, or null when the cache has none of them.</summary>
    internal string? Snapshot(HubRepository repository, string revision)
    {
        if (!ModelName.IsValid(repository.Id) || !IsRevision(revision))
            return null;
        string reference = ReferenceOf(repository, revision);
        string commit = File.Exists(reference) ? File.ReadAllText(reference).Trim() : revision;

        // The file's content becomes part of a path: nothing but a plain name may come out of it.
        if (!ModelName.IsValidPart(commit))
            return null;
        string snapshot = SnapshotOf(repository, commit);
        return Directory.Exists(snapshot) ? snapshot : null;
    }

    /// <summary>Whether it can be a branch, tag or commit.</summary>
    internal static bool IsRevision(string revision) => revision.Split('/').All(ModelName.IsValidPart);

    internal string DirectoryOf(HubRepository repository) => Path.Combine(_root, repository.Folder);

    /// <summary>Where a content lies; its name is the hub's ETag of it.</summary>
    internal string BlobOf(HubRepository repository, string etag) => Path.Combine(DirectoryOf(repository), "blobs", etag);

    /// <summary>The file whose lock the hub's own tools take too while they write a blob.</summary>
    internal string LockOf(HubRepository repository, string etag) => Path.Combine(_root, ".locks", repository.Folder, etag + ".lock");

    internal string SnapshotOf(HubRepository repository, string commit) => Path.Combine(DirectoryOf(repository), "snapshots", commit);

    internal string ReferenceOf(HubRepository repository, string revision) => Path.Combine([DirectoryOf(repository), "refs", .. revision.Split('/')]);

    /// <summary>Where a model's files lie when the cache has them.</summary>
    public string DirectoryOf(string id) => DirectoryOf(HubRepository.Model(id));

    /// <summary>Ids of the models whose main revision is in the cache, sorted.</summary>
    public IReadOnlyList<string> List()
    {
        if (!Directory.Exists(_root))
            return [];
        return
        [
            .. Directory.EnumerateDirectories(_root, HubRepository.ModelPrefix + "*")
                .Select(path => IdOf(Path.GetFileName(path)))
                .Where(id => Find(id) is not null)
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>The cache that these environment variables ask for.</summary>
    internal static HubCache FromEnvironment(Func<string, string?> environment)
    {
        return new HubCache(environment("HF_HUB_CACHE") is { Length: > 0 } cache ? cache : Path.Combine(HomeOf(environment), "hub"));
    }

    /// <summary>The folder of Hugging Face's tools, where they keep the token too.</summary>
    internal static string HomeOf(Func<string, string?> environment)
    {
        if (environment("HF_HOME") is { Length: > 0 } home)
            return home;
        string caches = environment("XDG_CACHE_HOME") is { Length: > 0 } folder
            ? folder
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify), ".cache");
        return Path.Combine(caches, "huggingface");
    }

    // The first "--" parts organisation and name; a name may hold more of them, an organisation may not.
    private static string IdOf(string folder)
    {
        string[] parts = folder[HubRepository.ModelPrefix.Length..].Split("--", 2);
        return string.Join('/', parts);
    }
}
