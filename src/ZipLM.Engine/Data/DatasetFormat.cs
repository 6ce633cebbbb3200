using System.Text.RegularExpressions;

namespace ZipLM.Engine.Data;

/// <summary>The formats of data set files, as <see cref="DatasetReference.Format"/> names them.</summary>
internal static partial class DatasetFormat
{
    public const string Tsv = "tsv";
    public const string Csv = "csv";
    public const string JsonLines = "jsonl";
    public const string Json = "json";
    public const string Squad = "squad";
    public const string Text = "text";
    public const string Parquet = "parquet";

    /// <summary>
    /// The format by the file's extension; <c>.gz</c> after it does not count. What ends in <c>.json</c> is an array, SQuAD's
    /// JSON, or JSON lines, as its beginning says.
    /// </summary>
    public static string FromPath(string path) => Path.GetExtension(WithoutGzip(path)).ToLowerInvariant() switch
    {
        ".tsv" => Tsv,
        ".csv" => Csv,
        ".jsonl" => JsonLines,
        ".json" => DatasetFile.Read(path, Sniff),
        ".txt" => Text,
        ".parquet" => Parquet,
        var other => throw Unknown(path, other.Length == 0 ? "a file without an extension" : $"the extension {other}"),
    };

    public static ZipLMException Unknown(string path, string what) => new(
        "DatasetFormatUnknown", ErrorKind.InvalidArgument, $"The format of '{path}' is unknown: {what}.",
        "Name the format: tsv, csv, jsonl, json, squad, text or parquet.", path);

    private static string Sniff(TextReader text)
    {
        var start = new char[4096];
        var beginning = new string(start, 0, text.ReadBlock(start)).TrimStart();
        return beginning.StartsWith('[') ? Json : SquadStart().IsMatch(beginning) ? Squad : JsonLines;
    }

    /// <summary>An object that holds articles, before or after its version.</summary>
    [GeneratedRegex("""^\{\s*("version"\s*:\s*"[^"]*"\s*,\s*)?"data"\s*:\s*\[""", RegexOptions.CultureInvariant)]
    private static partial Regex SquadStart();

    public static string WithoutGzip(string path) =>
        path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
}
