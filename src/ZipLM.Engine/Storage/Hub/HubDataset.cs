using System.Globalization;
using System.Text.RegularExpressions;

namespace ZipLM.Engine.Storage;

/// <summary>The Parquet files of one split of a data set of the hub, fetched one by one as they are asked for.</summary>
public sealed partial class HubDataset
{
    /// <summary>Where the hub itself keeps the Parquet form of a data set whose authors gave another.</summary>
    private const string Converted = "refs/convert/parquet";
    private const string Main = "main";

    private static readonly string[] FileEndings = [".tsv", ".csv", ".json", ".jsonl", ".txt", ".parquet", ".gz"];

    private readonly string _directory;
    private readonly Func<HubClient, IReporter, HubDownload>? _download;
    private readonly HubSettings _settings;

    /// <param name="download">How files come into the directory; null = those in it are all there is.</param>
    private HubDataset(HubSettings settings, string name, string directory, IReadOnlyList<string> files, Func<HubClient, IReporter, HubDownload>? download = null)
    {
        Name = name;
        Files = files;
        _settings = settings;
        _directory = directory;
        _download = download;
    }

    /// <summary>A short name: data set, subset and split.</summary>
    public string Name { get; }

    /// <summary>The split's files, in their order.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Whether it has the form of an id, and not that of a file of data.</summary>
    public static bool IsId(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Contains('/', StringComparison.Ordinal) && ModelName.IsValid(text)
            && !FileEndings.Any(ending => text.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Finds a split: in the local cache when that has all of it, else on the hub.</summary>
    /// <param name="id"><c>org/name</c>.</param>
    /// <param name="revision">Branch, tag or commit; null = main, or the hub's own Parquet form where main has none.</param>
    /// <param name="subset">The configuration; null = the only one, or <c>default</c>.</param>
    /// <param name="split">train, validation, test; null = train, or the only one.</param>
    /// <exception cref="ZipLMException">There is no such data set, subset or split, or the hub cannot be asked; one error says which.</exception>
    public static async Task<HubDataset> FindAsync(
        HubSettings settings, string id, string? revision, string? subset, string? split, IReporter reporter, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(reporter);
        HubRepository repository = HubRepository.Dataset(id);
        if (!ModelName.IsValid(id))
            throw HubErrors.RepositoryMissing(settings, repository);
        IEnumerable<HubDataset> cached = Cached(settings, repository, revision, subset, split);
        if (cached.FirstOrDefault(data => subset is not null && data.IsWhole()) is { } whole)
            return whole;
        if (settings.Offline)
            return cached.FirstOrDefault() ?? throw HubErrors.Offline(repository, settings.Cache.DirectoryOf(repository));

        using var client = new HubClient(settings, reporter);
        try
        {
            string chosen = revision ?? Main;
            HubListing listing = await client.ListAsync(repository, chosen, cancellationToken).ConfigureAwait(false);
            if (revision is null && !listing.Files.Any(IsParquet))
                listing = await client.ListAsync(repository, chosen = Converted, cancellationToken).ConfigureAwait(false);
            (string name, string[] files) = Choose(repository, listing.Files, subset, split);
            return new HubDataset(settings, name, settings.Cache.SnapshotOf(repository, listing.Commit), files, (hub, to) => new HubDownload(hub, repository, chosen, listing, to));
        }
        catch (ZipLMException e) when (e.ErrorId == HubErrors.Unreachable && cached.FirstOrDefault() is { } old)
        {
            reporter.Verbose($"{e.Message} Going on with what the local cache has of it.");
            return old;
        }
    }

    /// <summary>Brings one of the files into the cache.</summary>
    /// <returns>Its path there.</returns>
    public async Task<string> GetAsync(string file, IReporter reporter, CancellationToken cancellationToken)
    {
        if (_download is not null)
        {
            using var client = new HubClient(_settings, reporter);
            HubDownload download = _download(client, reporter);
            await download.GetAsync([file], cancellationToken).ConfigureAwait(false);
            download.Name();
        }

        return PathOf(file);
    }

    private static IEnumerable<HubDataset> Cached(HubSettings settings, HubRepository repository, string? revision, string? subset, string? split)
    {
        foreach (string name in revision is null ? [Main, Converted] : new[] { revision })
        {
            if (settings.Cache.Snapshot(repository, name) is not { } directory)
                continue;
            string[] files = [.. Directory.EnumerateFiles(directory, "*.parquet", SearchOption.AllDirectories).Where(File.Exists)
                .Select(path => Path.GetRelativePath(directory, path).Replace(Path.DirectorySeparatorChar, '/')).Order(StringComparer.Ordinal)];
            HubDataset? found = null;
            try
            {
                (string label, string[] chosen) = Choose(repository, files, subset, split);
                found = new HubDataset(settings, label, directory, chosen);
            }
            catch (ZipLMException)
            {
                // Not that part of it.
            }

            if (found is not null)
                yield return found;
        }
    }

    /// <summary>Whether the cache has all parts, as far as their names tell how many there are.</summary>
    private bool IsWhole() => Files.All(file => PartOf(file).Groups["count"] is { Success: true } count
        && int.Parse(count.Value, CultureInfo.InvariantCulture) == Files.Count && File.Exists(PathOf(file)));

    private string PathOf(string file) => Path.Combine([_directory, .. file.Split('/')]);

    private static (string Name, string[] Files) Choose(HubRepository repository, IEnumerable<string> names, string? subset, string? split)
    {
        var parts = names.Where(IsParquet).Select(file => (File: file, Match: PartOf(file))).Where(part => part.Match.Success)
            .Select(part => (part.File, Subset: SubsetOf(part.Match), Split: part.Match.Groups["split"].Value)).ToList();
        if (parts.Count == 0)
        {
            throw new ZipLMException("HubDatasetNoParquet", ErrorKind.InvalidData,
                $"The {repository} has no Parquet files.", "Download its files, and import those.", repository.Id);
        }

        string chosenSubset = Pick(repository, "-Subset", subset, "default", [.. parts.Select(part => part.Subset).Distinct(StringComparer.Ordinal)]);
        parts.RemoveAll(part => part.Subset != chosenSubset);
        string chosenSplit = Pick(repository, "-Split", split, "train", [.. parts.Select(part => part.Split).Distinct(StringComparer.Ordinal)]);
        string name = string.Join('-', new[] { repository.Id.Split('/')[^1], chosenSubset, chosenSplit }.Where(part => part != "default"));
        return (name, [.. parts.Where(part => part.Split == chosenSplit).Select(part => part.File).Order(StringComparer.Ordinal)]);
    }

    private static string Pick(HubRepository repository, string parameter, string? wanted, string usual, string[] there) =>
        there.FirstOrDefault(name => name == (wanted ?? usual))
        ?? (wanted is null && there.Length == 1 ? there[0] : throw new ZipLMException("HubDatasetPartUnknown", ErrorKind.InvalidArgument,
            wanted is null ? $"The {repository} has several parts." : $"The {repository} has no '{wanted}'.",
            $"Give {parameter} one of: {string.Join(", ", there.Order(StringComparer.Ordinal))}.", wanted ?? repository.Id));

    private static bool IsParquet(string file) => file.EndsWith(".parquet", StringComparison.Ordinal);

    // A folder named data is nobody's name for a subset.
    private static string SubsetOf(Match part) => part.Groups["subset"] is { Success: true, Value: not "data" and var folder } ? folder : "default";

    private static Match PartOf(string file) => PartName().Match(file);

    /// <summary><c>subset/split-00000-of-00002.parquet</c> as authors name them, <c>subset/split/0000.parquet</c> as the hub does.</summary>
    [GeneratedRegex(@"^(?:(?:(?<subset>.+)/)?(?<split>[^/]+)/\d+|(?:(?<subset>.+)/)?(?!\d+\.parquet$)(?<split>[^/]+?)(?:-\d{5}-of-(?<count>\d{5})(?:-[0-9a-f]+)?)?)\.parquet$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex PartName();
}
