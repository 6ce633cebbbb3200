using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TorchSharp;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Pruning;

/// <summary>
/// Statistics in a directory: a safetensors file for each sublayer, and <c>statistics.json</c>, which is written last and says
/// what they are of. Without it the directory is never taken as complete.
/// </summary>
/// <param name="path">The directory; it need not exist.</param>
/// <param name="origin">What the statistics are, or will be, of.</param>
internal sealed partial class StatisticsDirectory(string path, StatisticsOrigin origin)
{
    private const string Mark = "statistics.json";
    private const int Format = 1;
    private const string Sum = "sum";
    private const string Tokens = "tokens";
    private const string Remedy = "Give another -StatisticsPath, or delete the directory: the statistics are then taken anew.";

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public string Path => path;

    /// <summary>True when complete statistics of this origin are there; false when they are still to be taken.</summary>
    /// <exception cref="ZipLMException">They are of another model or of other data, are damaged, or other files are there.</exception>
    public bool IsComplete(IReporter reporter)
    {
        if (File.Exists(System.IO.Path.Combine(path, Mark)))
        {
            RequireSameOrigin();
            return true;
        }

        var entries = Directory.Exists(path) ? Directory.GetFileSystemEntries(path) : File.Exists(path) ? [path] : [];
        if (entries.FirstOrDefault(e => !OwnFile().IsMatch(System.IO.Path.GetFileName(e)) || Directory.Exists(e)) is { } other)
        {
            throw new ZipLMException("StatisticsPathTaken", ErrorKind.Exists,
                $"'{path}' cannot hold statistics: '{other}' is there, which is none of them.", "Give -StatisticsPath a directory of its own.", path);
        }

        if (entries.Length > 0)
        {
            reporter.Warning($"The statistics in '{path}' are incomplete (there is no {Mark}): they are taken again.");
        }

        return false;
    }

    /// <summary>Has files written and then the mark. When that fails, what was written is deleted.</summary>
    /// <param name="write">Calls <see cref="Write"/> for each sublayer.</param>
    /// <exception cref="ZipLMException"><c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public void Fill(Action write)
    {
        var existed = Directory.Exists(path);
        try
        {
            Directory.CreateDirectory(path);
            DeleteFiles();
            write();
            var json = new JsonObject { ["format"] = Format };
            foreach (var (key, value) in JsonSerializer.SerializeToNode(origin, Json)!.AsObject())
            {
                json[key] = value?.DeepClone();
            }

            JsonFile.Write(System.IO.Path.Combine(path, Mark), json);
        }
        catch (Exception e)
        {
            TryDelete(existed);
            if (WriteFailure.Explain(e, path, 0) is { } error)
            {
                throw error;
            }

            throw;
        }
    }

    /// <summary>Writes the statistics of one sublayer.</summary>
    public void Write(int layer, Sublayer sublayer, SublayerStatistics statistics, CancellationToken cancellationToken)
    {
        using var tokens = torch.tensor(statistics.Tokens);
        SafeTensorsWriter.WriteFile(
            FileOf(layer, sublayer), [(Sum, statistics.Sum), (Tokens, tokens)],
            new Dictionary<string, string> { ["model"] = origin.ModelHash, ["data"] = origin.DataHash }, cancellationToken);
    }

    /// <summary>The statistics of one sublayer, whose sum stays in its file.</summary>
    /// <exception cref="ZipLMException">The file is missing, damaged, or of another origin.</exception>
    public SublayerStatistics Open(int layer, Sublayer sublayer, int columns, torch.Device device, CancellationToken cancellationToken)
    {
        var file = FileOf(layer, sublayer);
        var tokens = Read(file, opened => IsOwn(opened, columns) ? opened.Read(Tokens, cancellationToken) : null)
            ?? throw Damaged($"'{file}' is not of this model and data.", null);
        using (tokens)
        {
            return new(columns, tokens.item<long>(), () => Read(file, opened =>
            {
                using var scope = torch.NewDisposeScope();
                return opened.Read(Sum, CancellationToken.None).to(device).MoveToOuterDisposeScope();
            }));
        }
    }

    /// <summary>Deletes the directory with its statistics.</summary>
    public void Delete() => Directory.Delete(path, recursive: true);

    [GeneratedRegex(@"^(\.?layer-\d+-(Attention|FeedForward)\.safetensors(\.[0-9a-f]+\.tmp)?|\.statistics\.json\.[0-9a-f]+\.tmp)$", RegexOptions.CultureInvariant)]
    private static partial Regex OwnFile();

    private string FileOf(int layer, Sublayer sublayer) =>
        System.IO.Path.Combine(path, string.Create(CultureInfo.InvariantCulture, $"layer-{layer:00}-{sublayer}.safetensors"));

    private bool IsOwn(SafeTensorsFile file, int columns) =>
        file.Metadata.GetValueOrDefault("model") == origin.ModelHash && file.Metadata.GetValueOrDefault("data") == origin.DataHash
        && file.Entries.TryGetValue(Tokens, out var tokens) && tokens is { DType: torch.ScalarType.Int64, Shape: [] }
        && file.Entries.TryGetValue(Sum, out var sum) && sum is { DType: torch.ScalarType.Float64, Shape: [var rows, var width] } && rows == columns && width == columns;

    private T Read<T>(string file, Func<SafeTensorsFile, T> read)
    {
        try
        {
            using var opened = SafeTensorsFile.Open(file);
            return read(opened);
        }
        catch (ZipLMException e)
        {
            throw Damaged(e.Message, e);
        }
    }

    private void RequireSameOrigin()
    {
        StatisticsOrigin found;
        try
        {
            var json = JsonFile.Read(System.IO.Path.Combine(path, Mark));
            found = json["format"]?.GetValue<int>() == Format && json.Deserialize<StatisticsOrigin>(Json) is { ModelHash: not null, DataHash: not null } read
                ? read
                : throw Damaged($"{Mark} is not of format {Format}.", null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ZipLMException { ErrorId: "ZipLM.JsonInvalid" })
        {
            throw Damaged(e.Message, e);
        }

        if (!found.IsSameAs(origin))
        {
            throw new ZipLMException("StatisticsMismatch", ErrorKind.InvalidOperation,
                $"The statistics in '{path}' are of {found}, but those of {origin} are needed.", Remedy, path);
        }
    }

    private ZipLMException Damaged(string reason, Exception? cause) =>
        new("StatisticsDamaged", ErrorKind.InvalidData, $"The statistics in '{path}' cannot be used: {reason}", Remedy, path, cause);

    private void DeleteFiles()
    {
        foreach (var file in Directory.EnumerateFiles(path).Where(f => OwnFile().IsMatch(System.IO.Path.GetFileName(f))))
        {
            File.Delete(file);
        }
    }

    /// <summary>The failure that led here is the one to report, not that of the cleaning.</summary>
    private void TryDelete(bool keepDirectory)
    {
        try
        {
            DeleteFiles();
            if (!keepDirectory)
            {
                Directory.Delete(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
