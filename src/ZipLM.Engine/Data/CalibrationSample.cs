namespace ZipLM.Engine.Data;

/// <summary>Samples of a data set that share no row: for the statistics, for the search, and for the last judgement of what it found.</summary>
/// <param name="Statistics">Rows that the layers' statistics are collected on.</param>
/// <param name="Search">Rows that the search compares models on.</param>
/// <param name="Shortage">What to warn of: there were fewer rows than wanted; null = enough.</param>
internal sealed record CalibrationSample(TextDataset Statistics, TextDataset Search, string? Shortage = null)
{
    /// <summary>As many rows as the search has, of those that are left; null where none are.</summary>
    public TextDataset? Final { get; init; }

    /// <summary>Draws the samples; the same seed draws the same rows. Too few rows are divided in the proportion that was asked for.</summary>
    /// <param name="dataset">The rows to draw from.</param>
    /// <param name="statisticsRows">Rows wanted for the statistics.</param>
    /// <param name="searchRows">Rows wanted for the search.</param>
    /// <param name="seed">The run's seed.</param>
    public static CalibrationSample Draw(TextDataset dataset, int statisticsRows, int searchRows, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(statisticsRows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(searchRows, 1);
        var rows = Enumerable.Range(0, dataset.Count).ToArray();
        new Random(seed).Shuffle(rows);
        if (rows.Length == 1)
        {
            return new CalibrationSample(dataset, dataset, $"The calibration data '{dataset.Name}' has a single row, which serves both the statistics and the search.");
        }

        string? shortage = null;
        var wanted = statisticsRows + searchRows;
        if (rows.Length < wanted)
        {
            statisticsRows = Math.Clamp((int)((long)rows.Length * statisticsRows / wanted), 1, rows.Length - 1);
            searchRows = rows.Length - statisticsRows;
            shortage = $"The calibration data '{dataset.Name}' has {rows.Length} rows where {wanted} are wanted: {statisticsRows} serve the statistics, {searchRows} the search.";
        }

        return new CalibrationSample(
            Take(dataset, rows.AsSpan(0, statisticsRows)), Take(dataset, rows.AsSpan(statisticsRows, searchRows)), shortage)
        {
            Final = rows.Length > wanted ? Take(dataset, rows.AsSpan(wanted, Math.Min(searchRows, rows.Length - wanted))) : null,
        };
    }

    private static TextDataset Take(TextDataset dataset, ReadOnlySpan<int> rows) =>
        new(dataset.Name, [.. rows.ToArray().Select(row => dataset.Examples[row])], dataset.Labels, dataset.Reference);
}
