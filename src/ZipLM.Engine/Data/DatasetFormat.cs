namespace ZipLM.Engine.Data;

/// <summary>The formats of data set files, as <see cref="DatasetReference.Format"/> names them.</summary>
internal static class DatasetFormat
{
    public const string Tsv = "tsv";
    public const string Csv = "csv";
    public const string JsonLines = "jsonl";
    public const string Text = "text";
    public const string Parquet = "parquet";

    /// <summary>The format by the file's extension; <c>.gz</c> after it does not count.</summary>
    public static string FromPath(string path) => Path.GetExtension(WithoutGzip(path)).ToLowerInvariant() switch
    {
        ".tsv" => Tsv,
        ".csv" => Csv,
        ".jsonl" or ".json" => JsonLines,
        ".txt" => Text,
        ".parquet" => Parquet,
        var other => throw Unknown(path, other.Length == 0 ? "a file without an extension" : $"the extension {other}"),
    };

    public static ZipLMException Unknown(string path, string what) => new(
        "DatasetFormatUnknown", ErrorKind.InvalidArgument, $"The format of '{path}' is unknown: {what}.",
        "Name the format: tsv, csv, jsonl, text or parquet.", path);

    public static string WithoutGzip(string path) =>
        path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
}
