namespace ZipLM;

/// <summary>Where a data set came from and how its columns were read, so that it can be read again.</summary>
/// <param name="Path">Absolute path of the file.</param>
/// <param name="Format">tsv, csv, jsonl, text or parquet.</param>
/// <param name="TextColumn">Column of the text; null for plain text.</param>
/// <param name="TextPairColumn">Column of the second text, for pairs.</param>
/// <param name="LabelColumn">Column of the label.</param>
public sealed record DatasetReference(
    string Path,
    string Format,
    string? TextColumn = null,
    string? TextPairColumn = null,
    string? LabelColumn = null)
{
    /// <summary>The task of GLUE that it belongs to, by its name on the hub; null for other data. Tells its labels and metrics.</summary>
    public string? Task { get; init; }
}
