namespace ZipLM.Engine.Storage;

/// <summary>Which files of a repository a model needs: description, tokenizer, safetensors. Never a pickle, never code.</summary>
internal static class HubModelFiles
{
    private static readonly string[] TokenizerFiles =
    [
        "tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "tokenizer.model",
    ];

    private static readonly string[] Descriptions =
    [
        ModelDirectory.ConfigFile, ModelDirectory.RecordFile, "tokenizer_config.json", ModelDirectory.SpecialTokensFile, ModelDirectory.GenerationFile, "added_tokens.json", "merges.txt", .. TokenizerFiles,
    ];

    /// <summary>Whether a file of this name in a model's directory is one that the model is read from.</summary>
    public static bool IsOne(string name) =>
        name == Checkpoint.IndexFile || name.EndsWith(".safetensors", StringComparison.Ordinal) || Descriptions.Contains(name, StringComparer.Ordinal);

    /// <summary>Whether a directory of the cache holds all that a model needs: other tools fetch parts.</summary>
    public static bool IsComplete(string directory)
    {
        bool Has(string name) => File.Exists(Path.Combine(directory, name));
        if (!Has(ModelDirectory.ConfigFile) || !TokenizerFiles.Any(Has))
            return false;
        if (Has(Checkpoint.SingleFile))
            return true;
        return Has(Checkpoint.IndexFile) && CheckpointIndex.Read(Path.Combine(directory, Checkpoint.IndexFile)).Files.Values.All(Has);
    }

    /// <summary>Brings a model into the cache.</summary>
    /// <returns>Its directory.</returns>
    public static async Task<string> DownloadAsync(HubSettings settings, HubRepository repository, string revision, IReporter reporter, CancellationToken cancellationToken)
    {
        using var client = new HubClient(settings, reporter);
        HubListing listing = await client.ListAsync(repository, revision, cancellationToken).ConfigureAwait(false);
        var download = new HubDownload(client, repository, revision, listing, reporter);
        bool Lists(string name) => listing.Files.Contains(name, StringComparer.Ordinal);
        string weights = Lists(Checkpoint.SingleFile) ? Checkpoint.SingleFile
            : Lists(Checkpoint.IndexFile) ? Checkpoint.IndexFile
            : throw NoWeights(settings, repository, revision, listing.Files);
        if (!Lists(ModelDirectory.ConfigFile))
            throw HubErrors.FileMissing(settings, repository, revision, ModelDirectory.ConfigFile);

        IEnumerable<string> needed = Descriptions.Where(Lists);
        if (weights == Checkpoint.IndexFile)
        {
            await download.GetAsync([weights], cancellationToken).ConfigureAwait(false);
            string[] shards = [.. CheckpointIndex.Read(download.PathOf(weights)).Files.Values.Distinct(StringComparer.Ordinal)];
            if (Array.Find(shards, shard => !Lists(shard)) is { } missing)
                throw HubErrors.FileMissing(settings, repository, revision, missing);
            await download.GetAsync([.. needed, .. shards], cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await download.GetAsync([.. needed, weights], cancellationToken).ConfigureAwait(false);
        }

        download.Name();
        return download.Directory;
    }

    private static ZipLMException NoWeights(HubSettings settings, HubRepository repository, string revision, IReadOnlyList<string> files)
    {
        string[] pickles = [.. files.Where(name => name.StartsWith("pytorch_model", StringComparison.Ordinal) && name.EndsWith(".bin", StringComparison.Ordinal))];
        return pickles.Length > 0 ? HubErrors.Pickle(repository, pickles[0]) : HubErrors.FileMissing(settings, repository, revision, Checkpoint.SingleFile);
    }
}
