namespace ZipLM.Engine.Storage;

/// <summary>Finds a model by what a user calls it: a path, a name in the store, a short alias or a hub id, in the local cache or on the hub.</summary>
public sealed class ModelLocator(ModelStore store, HubCache cache)
{
    /// <summary>The locator over the store and the cache that the environment names.</summary>
    public static ModelLocator Default() => new(ModelStore.Default(), HubCache.Default());

    /// <summary>Finds a model on this machine.</summary>
    /// <param name="nameOrPath">A model directory or a file in it, a name in the store, an alias, or a hub id.</param>
    /// <param name="currentDirectory">What a relative path starts from.</param>
    /// <exception cref="ZipLMException"><c>ModelNotFound</c>, with every place that was looked at.</exception>
    public ModelLocation Locate(string nameOrPath, string currentDirectory)
    {
        var looked = new List<string>();
        return AtPath(nameOrPath, currentDirectory, looked)
            ?? InStore(nameOrPath, looked)
            ?? InCache(nameOrPath, looked)
            ?? throw NotFound(nameOrPath, looked);
    }

    /// <summary>Finds a model on this machine, or downloads it into the local cache.</summary>
    /// <param name="nameOrPath">A model directory or a file in it, a name in the store, an alias, or a hub id.</param>
    /// <param name="currentDirectory">What a relative path starts from.</param>
    /// <param name="revision">Branch, tag or commit on the hub, which alone is meant then; null = anywhere, and main on the hub.</param>
    /// <param name="hub">The hub, when it has to be asked; its cache is this locator's.</param>
    /// <exception cref="ZipLMException"><c>ModelNotFound</c>, with every place that was looked at; what is wrong with the hub.</exception>
    public async Task<ModelLocation> LocateAsync(
        string nameOrPath, string currentDirectory, string? revision, Func<HubSettings> hub, IReporter reporter, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(reporter);
        var looked = new List<string>();
        if (revision is null && (AtPath(nameOrPath, currentDirectory, looked) ?? InStore(nameOrPath, looked)) is { } own)
            return own;
        ModelLocation? cached = InCache(nameOrPath, looked, revision ?? "main");
        if (cached is not null && HubModelFiles.IsComplete(cached.Directory))
            return cached;
        if (!HubAliases.IsOnHub(nameOrPath))
            return cached ?? throw NotFound(nameOrPath, looked);
        HubSettings settings = hub();
        if (settings.Offline)
            return cached ?? throw NotFound(nameOrPath, [.. looked, $"not the hub {settings.Name}, because HF_HUB_OFFLINE is set"]);

        HubRepository repository = HubRepository.Model(HubAliases.IdsFor(nameOrPath)[0]);
        try
        {
            return new ModelLocation(nameOrPath, await HubModelFiles.DownloadAsync(settings, repository, revision ?? "main", reporter, cancellationToken).ConfigureAwait(false));
        }
        catch (ZipLMException e) when (e.ErrorId == HubErrors.Unreachable && cached is not null)
        {
            reporter.Warning($"The local cache has only a part of '{nameOrPath}': {cached.Directory}. {e.Message}");
            return cached;
        }
        catch (ZipLMException e) when (cached is null && e.ErrorId is HubErrors.Unreachable or "ZipLM.ModelNotFound" or HubErrors.AccessDenied)
        {
            // Whoever mistyped a path must not wonder what the hub has to do with it.
            throw new ZipLMException(e.ErrorId["ZipLM.".Length..], e.Kind, $"{e.Message} On this machine, looked at {string.Join("; ", looked)}.", e.Remedy, nameOrPath, e);
        }
    }

    /// <summary>Names that can be completed: the store's, the cache's, the aliases; what cannot be read is left out.</summary>
    public IReadOnlyList<string> KnownNames() =>
        [.. Quietly(store.List).Concat(Quietly(cache.List)).Concat(HubAliases.Names).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>Whether there is a model at this absolute path.</summary>
    public static bool IsModel(string path) => AtPath(path, path, []) is not null;

    private static ModelLocation? AtPath(string path, string currentDirectory, List<string> looked)
    {
        if (path.Trim().Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            return null;
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path, currentDirectory));

        // One of its files stands for a model: completion and drag-and-drop give files.
        string directory = File.Exists(full) && IsModelFile(Path.GetFileName(full)) ? Path.GetDirectoryName(full)! : full;
        if (File.Exists(Path.Combine(directory, ModelDirectory.ConfigFile)))
            return new ModelLocation(Path.GetFileName(directory), directory);
        string reason = Directory.Exists(directory) ? $"a directory without {ModelDirectory.ConfigFile}" : File.Exists(directory) ? "a file" : "no such directory";
        looked.Add($"{directory} ({reason})");
        return null;
    }

    private static bool IsModelFile(string name) =>
        name is ModelDirectory.ConfigFile or Checkpoint.IndexFile || name.EndsWith(".safetensors", StringComparison.Ordinal);

    private ModelLocation? InStore(string name, List<string> looked)
    {
        if (!ModelName.IsValid(name))
            return null;
        if (store.Find(name) is { } directory)
            return new ModelLocation(name, directory);
        looked.Add($"the store: {store.DirectoryOf(name)}");
        return null;
    }

    private ModelLocation? InCache(string name, List<string> looked, string revision = "main")
    {
        if (!ModelName.IsValid(name))
            return null;
        foreach (string id in HubAliases.IdsFor(name))
        {
            if (cache.Find(id, revision) is { } directory)
                return new ModelLocation(name, directory);
            looked.Add($"the Hugging Face cache: {cache.DirectoryOf(id)}");
        }

        return null;
    }

    private static ZipLMException NotFound(string name, List<string> looked)
    {
        string places = looked.Count == 0 ? "It is neither a path nor a valid name." : $"Looked at {string.Join("; ", looked)}.";
        return new ZipLMException(
            "ModelNotFound",
            ErrorKind.NotFound,
            $"No model '{name}'. {places}",
            "Give the path of a directory in Hugging Face layout, or a name that Export-Model -Name registered. Get-Model downloads the models of the hub, by their whole id: organisation/name.",
            name);
    }

    private static IEnumerable<string> Quietly(Func<IReadOnlyList<string>> list)
    {
        try
        {
            return list();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
