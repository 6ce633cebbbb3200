using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Latency;

/// <summary>A latency table as a YAML file. Times are written so that they come back to the last bit.</summary>
internal sealed class LatencyTableFile
{
    /// <summary>The version of the schema that is written and read.</summary>
    public const int Schema = 1;

    private const string GeneratedTokens = "generated_tokens";

    private readonly YamlMap _file;
    private readonly YamlMap _model;
    private readonly IReadOnlyDictionary<Sublayer, IReadOnlyList<LatencyLevel>> _levels;
    private readonly InferenceEnvironment _environment;
    private readonly (int Rounds, double Dense, double Remainder) _measured;

    private LatencyTableFile(YamlMap file)
    {
        _file = file;
        if (file.Whole("schema", 1) is var schema and not Schema)
        {
            throw file.Invalid($"the file is of schema {schema}, but this version of ZipLM reads {Schema}.");
        }

        _model = file.Map("model");
        ModelName = _model.Text("name");
        ModelPath = _model.OptionalText("path");
        Dimensions = (_model.Text("family"), _model.Whole("layers", 1), _model.Whole("hidden_size", 1), _model.Whole("heads", 1), _model.Whole("width", 1));
        _environment = Environment(file.Map("environment"));
        _measured = (file.Whole("rounds", 1), file.PositiveNumber("dense_ms"), file.Number("rest_ms"));
        _levels = Enum.GetValues<Sublayer>().ToDictionary(s => s, s => Levels(s, file.Maps(Key(s))));
        _model.RefuseUnknown();
        file.RefuseUnknown();
    }

    /// <summary>The model that was measured, as it was called.</summary>
    public string ModelName { get; }

    /// <summary>Its directory; null where it was not saved.</summary>
    public string? ModelPath { get; }

    private (string Family, int Layers, int HiddenSize, int Heads, int Width) Dimensions { get; }

    /// <summary>Reads a file; everything in it is checked but what takes the model to know.</summary>
    /// <exception cref="ZipLMException"><c>YamlInvalid</c> with the line.</exception>
    public static LatencyTableFile Read(string path) => new(YamlFile.Read(path));

    public static void Write(string path, LatencyTable table)
    {
        var environment = table.Environment;
        YamlFile.Write(path, Map(
            ("schema", Number(Schema)),
            ("model", Map([
                ("name", table.Model.Name),
                .. table.Model.Path is { } directory ? [("path", directory)] : Array.Empty<(string, YamlNode)>(),
                ("family", table.Model.ModelFamily),
                ("layers", Number(table.Model.Layers.Count)),
                ("hidden_size", Number(table.Model.HiddenSize)),
                ("heads", Number(table.Model.DenseHeads)),
                ("width", Number(table.Model.DenseWidth)),
            ])),
            ("environment", Map([
                ("device", environment.Device),
                ("device_name", environment.DeviceName),
                ("runtime", environment.Runtime.ToString()),
                ("runtime_version", environment.RuntimeVersion),
                ("precision", environment.Precision.ToString()),
                ("batch_size", Number(environment.BatchSize)),
                ("sequence_length", Number(environment.SequenceLength)),
                .. environment.GeneratedTokens > 0 ? [(GeneratedTokens, Number(environment.GeneratedTokens))] : Array.Empty<(string, YamlNode)>(),
                ("threads", Number(environment.Threads)),
            ])),
            ("rounds", Number(table.Rounds)),
            ("dense_ms", Number(table.DenseMilliseconds)),
            ("rest_ms", Number(table.RestMilliseconds)),
            (Key(Sublayer.Attention), List(table, Sublayer.Attention)),
            (Key(Sublayer.FeedForward), List(table, Sublayer.FeedForward))));
    }

    /// <summary>The table, for the model that it was measured for or one of the same dimensions.</summary>
    /// <param name="grid">The levels that a kind of sublayer must have.</param>
    /// <exception cref="ZipLMException"><c>LatencyTableModel</c>: another model; <c>YamlInvalid</c>: a level is missing.</exception>
    public LatencyTable For(Model model, Func<Sublayer, IReadOnlyList<int>> grid)
    {
        if ((model.ModelFamily, model.Layers.Count, model.HiddenSize, model.DenseHeads, model.DenseWidth) != Dimensions)
        {
            throw new ZipLMException("LatencyTableModel", ErrorKind.InvalidOperation,
                $"'{_file.File}' was measured for '{ModelName}' ({Dimensions.Family}, {Dimensions.Layers} layers, hidden size {Dimensions.HiddenSize}, {Dimensions.Heads} heads, width {Dimensions.Width}); '{model.Name}' has other dimensions.",
                "Give the model that the table belongs to, or measure a table for this one with Measure-LayerLatency.", model);
        }

        foreach (var (sublayer, levels) in _levels)
        {
            if (grid(sublayer).Except(levels.Select(l => l.Level)).ToList() is { Count: > 0 } missing)
            {
                throw _file.Invalid($"{Key(sublayer)} has no time for level {string.Join(", ", missing)}.");
            }
        }

        return new(model, _environment, [.. _levels[Sublayer.Attention], .. _levels[Sublayer.FeedForward]], _measured.Remainder, _measured.Dense, _measured.Rounds);
    }

    private static InferenceEnvironment Environment(YamlMap map)
    {
        var environment = new InferenceEnvironment(
            map.Text("device"), map.Text("device_name"), map.Name<InferenceRuntime>("runtime"), map.Name<Precision>("precision"),
            map.Whole("batch_size", 1), map.Whole("sequence_length", 1), map.Whole("threads", 1), map.Text("runtime_version"))
        {
            GeneratedTokens = map.Or(GeneratedTokens, k => map.Whole(k, 0), 0),
        };
        map.RefuseUnknown();
        return environment;
    }

    private static IReadOnlyList<LatencyLevel> Levels(Sublayer sublayer, IReadOnlyList<YamlMap> maps)
    {
        var levels = new Dictionary<int, LatencyLevel>();
        foreach (var map in maps)
        {
            var level = new LatencyLevel(sublayer, map.Whole("level", 0), map.Number("ms"), map.Number("spread"));
            map.RefuseUnknown();
            if (!levels.TryAdd(level.Level, level))
            {
                throw map.Invalid($"{Key(sublayer)} has level {level.Level} twice.");
            }
        }

        return [.. levels.Values];
    }

    private static string Key(Sublayer sublayer) => sublayer == Sublayer.Attention ? "attention" : "feed_forward";

    private static YamlSequenceNode List(LatencyTable table, Sublayer sublayer) => new(table.Levels.Where(l => l.Sublayer == sublayer).Select(l =>
    {
        var map = Map(("level", Number(l.Level)), ("ms", Number(l.Milliseconds)), ("spread", Number(l.Spread)));
        map.Style = MappingStyle.Flow;
        return map;
    }));

    private static YamlMappingNode Map(params (string Key, YamlNode Value)[] pairs) => new(pairs.Select(p => KeyValuePair.Create<YamlNode, YamlNode>(p.Key, p.Value)));

    private static YamlScalarNode Number(double value) => new(value.ToString("R", CultureInfo.InvariantCulture)) { Style = ScalarStyle.Plain };
}
