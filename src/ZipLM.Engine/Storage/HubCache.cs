namespace ZipLM.Engine.Storage;

/// <summary>
/// The local cache that Hugging Face's own tools keep: <c>models--org--name/refs/main</c> holds a commit, whose files
/// lie in <c>models--org--name/snapshots/COMMIT</c>. Read only.
/// </summary>
/// <param name="root">The cache's folder; it need not exist.</param>
public sealed class HubCache(string root)
{
    private const string Prefix = "models--";

    private readonly string _root = Path.GetFullPath(root);

    /// <summary>The cache at <c>HF_HUB_CACHE</c>, <c>HF_HOME</c>/hub, else in the account's cache folder.</summary>
    public static HubCache Default() => FromEnvironment(Environment.GetEnvironmentVariable);

    /// <summary>The directory of a model's files, or null when the cache does not hold its configuration at that revision.</summary>
    /// <param name="id">Id on the hub: <c>org/name</c>, or a plain name as old models have it.</param>
    /// <param name="revision">Branch, tag, or commit.</param>
    public string? Find(string id, string revision = "main")
    {
        if (!ModelName.IsValid(id) || !revision.Split('/').All(ModelName.IsValidPart))
            return null;
        string folder = DirectoryOf(id);
        string reference = Path.Combine([folder, "refs", .. revision.Split('/')]);
        string commit = File.Exists(reference) ? File.ReadAllText(reference).Trim() : revision;

        // The file's content becomes part of a path: nothing but a plain name may come out of it.
        if (!ModelName.IsValidPart(commit))
            return null;
        string snapshot = Path.Combine(folder, "snapshots", commit);
        return File.Exists(Path.Combine(snapshot, ModelDirectory.ConfigFile)) ? snapshot : null;
    }

    /// <summary>Where a model's files lie when the cache has them.</summary>
    public string DirectoryOf(string id) => Path.Combine(_root, Prefix + id.Replace("/", "--", StringComparison.Ordinal));

    /// <summary>Ids of the models whose main revision is in the cache, sorted.</summary>
    public IReadOnlyList<string> List()
    {
        if (!Directory.Exists(_root))
            return [];
        return
        [
            .. Directory.EnumerateDirectories(_root, Prefix + "*")
                .Select(path => IdOf(Path.GetFileName(path)))
                .Where(id => Find(id) is not null)
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>The cache that these environment variables ask for.</summary>
    internal static HubCache FromEnvironment(Func<string, string?> environment)
    {
        if (environment("HF_HUB_CACHE") is { Length: > 0 } cache)
            return new HubCache(cache);
        if (environment("HF_HOME") is { Length: > 0 } home)
            return new HubCache(Path.Combine(home, "hub"));
        string caches = environment("XDG_CACHE_HOME") is { Length: > 0 } folder
            ? folder
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify), ".cache");
        return new HubCache(Path.Combine(caches, "huggingface", "hub"));
    }

    // The first "--" parts organisation and name; a name may hold more of them, an organisation may not.
    private static string IdOf(string folder)
    {
        string[] parts = folder[Prefix.Length..].Split("--", 2);
        return string.Join('/', parts);
    }
}
