namespace ZipLM.Engine.Data;

/// <summary>Decides which rows go together: rows of similar length, so that little is padding.</summary>
internal static class BatchSampler
{
    /// <summary>Batches whose rows are sorted together. More save padding, fewer mix lengths better over an epoch.</summary>
    private const int BatchesPerPool = 50;

    /// <summary>
    /// Batches for one epoch of training: every row once, in random company. Rows are shuffled and cut into pools,
    /// each pool is sorted by length and cut into batches, and the batches are shuffled; the first epoch begins with the longest
    /// of them. The same seed and epoch give the same batches.
    /// </summary>
    /// <param name="lengths">Tokens of each row.</param>
    /// <param name="batchSize">Rows of a batch; one batch may have fewer.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="epoch">Which pass over the rows.</param>
    public static IReadOnlyList<int[]> Shuffled(IReadOnlyList<int> lengths, int batchSize, int seed, int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        var random = new Random(unchecked(seed * 1_000_003 + epoch));
        var rows = Enumerable.Range(0, lengths.Count).ToArray();
        random.Shuffle(rows);
        var batches = rows.Chunk(batchSize * BatchesPerPool).SelectMany(pool => pool.OrderBy(row => lengths[row]).Chunk(batchSize)).ToArray();
        random.Shuffle(batches);
        if (epoch == 0 && batches.Length > 0)
        {
            // Memory runs short in the first step or never, and what later steps need has been taken by then.
            var longest = Array.IndexOf(batches, batches.MaxBy(batch => batch.Max(row => lengths[row])));
            (batches[0], batches[longest]) = (batches[longest], batches[0]);
        }

        return batches;
    }

    /// <summary>Batches for evaluation: every row once, longest first, so that memory runs short at the start or never.</summary>
    public static IReadOnlyList<int[]> Sequential(IReadOnlyList<int> lengths, int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        return [.. Enumerable.Range(0, lengths.Count).OrderByDescending(row => lengths[row]).Chunk(batchSize)];
    }
}
