using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ZipLM.Engine.Storage;

/// <summary>
/// A mapping of a YAML file whose values are asked for by type. A wrong type, a missing key and, by
/// <see cref="RefuseUnknown"/>, a key that nobody asked for are errors with file, line and column.
/// </summary>
/// <param name="fileOf">The file that a node stands in: the values of one mapping may come from several.</param>
internal sealed class YamlMap(YamlMappingNode node, Func<YamlNode, string> fileOf)
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    public YamlMap(YamlMappingNode node, string file)
        : this(node, _ => file)
    {
    }

    public string File => fileOf(node);

    /// <summary>The keys that are there, in the file's order.</summary>
    public IEnumerable<string> Keys => node.Children.Keys.OfType<YamlScalarNode>().Select(k => k.Value ?? string.Empty);

    /// <summary>The error of a file with something wrong at a place.</summary>
    public static ZipLMException Invalid(string file, Mark place, string what, Exception? cause = null) => new(
        "YamlInvalid", ErrorKind.InvalidData, string.Create(CultureInfo.InvariantCulture, $"'{file}', line {Math.Max(place.Line, 1)}, column {Math.Max(place.Column, 1)}: {what}"),
        "Correct the file, or get it again from where it came.", file, cause);

    public ZipLMException Invalid(string what) => Invalid(File, node.Start, what);

    /// <summary>The error of the value of a key, where it stands; of the mapping, where the key is not there.</summary>
    public ZipLMException Invalid(string key, string what) => Find(key) is { } value ? Invalid(fileOf(value), value.Start, what) : Invalid(what);

    public bool Has(string key) => Find(key) is not null;

    /// <summary>The file in which a key's value stands.</summary>
    public string FileOf(string key) => fileOf(Require(key));

    /// <summary>A value where its key is there; else what holds without.</summary>
    public T Or<T>(string key, Func<string, T> read, T otherwise) => Has(key) ? read(key) : otherwise;

    public string Text(string key) => Scalar(key).Value is { Length: > 0 } text ? text : throw Wrong(key, "a text");

    public string? OptionalText(string key) => Find(key) is null ? null : Text(key);

    /// <summary>A whole number.</summary>
    public int Whole(string key, int smallest) => Whole(key, smallest, string.Empty);

    /// <summary>A whole number, or null for <c>auto</c>.</summary>
    public int? WholeOrAuto(string key, int smallest) => Scalar(key).Value == "auto" ? null : Whole(key, smallest, "auto, or ");

    /// <summary>A finite number that is not negative.</summary>
    public double Number(string key) => TryNumber(Scalar(key), out var value) && value >= 0 ? value : throw Wrong(key, "a number of at least 0");

    /// <summary>A finite number above 0.</summary>
    public double PositiveNumber(string key) => TryNumber(Scalar(key), out var value) && value > 0 ? value : throw Wrong(key, "a number above 0");

    /// <summary>A number from 0 to 1.</summary>
    public double Share(string key) => TryNumber(Scalar(key), out var value) && value is >= 0 and <= 1 ? value : throw Wrong(key, "a number from 0 to 1");

    /// <summary>A list of finite numbers that are not negative, one at least.</summary>
    public IReadOnlyList<double> Numbers(string key) => [.. Items(key, "a list of numbers of at least 0").Select(item =>
        TryNumber(item, out var value) && value >= 0 ? value : throw Wrong(key, item, "a list of numbers of at least 0"))];

    /// <summary>true or false.</summary>
    public bool Flag(string key) => Scalar(key) is { Style: ScalarStyle.Plain, Value: "true" or "false" } scalar ? scalar.Value == "true" : throw Wrong(key, "true or false");

    /// <summary>A list of texts.</summary>
    public IReadOnlyList<string> Texts(string key) =>
        [.. Items(key, "a list of texts").Select(item => item.Value is { Length: > 0 } text ? text : throw Wrong(key, item, "a list of texts"))];

    /// <summary>A list of an enum's names.</summary>
    public IReadOnlyList<T> Names<T>(string key)
        where T : struct, Enum => [.. Items(key, $"a list of {OneOf<T>()}").Select(item =>
        Enum.GetNames<T>().Contains(item.Value, StringComparer.Ordinal) ? Enum.Parse<T>(item.Value!) : throw Wrong(key, item, $"a list of {OneOf<T>()}"))];

    /// <summary>True where a key holds a mapping, false where it holds anything else.</summary>
    public bool IsMap(string key) => Require(key) is YamlMappingNode;

    /// <summary>One of an enum's names.</summary>
    public T Name<T>(string key)
        where T : struct, Enum
    {
        var text = Text(key);
        return Enum.GetNames<T>().Contains(text, StringComparer.Ordinal) ? Enum.Parse<T>(text)
            : throw Wrong(key, $"one of {OneOf<T>()}{Nearest(text, Enum.GetNames<T>())}");
    }

    public YamlMap Map(string key) => Require(key) is YamlMappingNode map ? new(map, fileOf) : throw Wrong(key, "a mapping");

    /// <summary>A list of mappings.</summary>
    public IReadOnlyList<YamlMap> Maps(string key) =>
        Require(key) is YamlSequenceNode list && list.All(item => item is YamlMappingNode)
            ? [.. list.Select(item => new YamlMap((YamlMappingNode)item, fileOf))]
            : throw Wrong(key, "a list of mappings");

    /// <summary>Called when all keys were asked for: there must be no other.</summary>
    public void RefuseUnknown()
    {
        foreach (var key in node.Children.Keys)
        {
            if (key is not YamlScalarNode { Value: { } name })
            {
                throw Invalid(fileOf(key), key.Start, "a key must be a text.");
            }

            if (!_known.Contains(name))
            {
                throw Invalid(fileOf(key), key.Start, $"the key '{name}' is not known{Nearest(name, _known)}; known here are {string.Join(", ", _known)}.");
            }
        }
    }

    private static bool TryNumber(YamlScalarNode scalar, out double value)
    {
        value = 0;
        return scalar.Style == ScalarStyle.Plain && double.TryParse(scalar.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);
    }

    private static string OneOf<T>()
        where T : struct, Enum => string.Join(", ", Enum.GetNames<T>());

    private static string Nearest(string name, IEnumerable<string> known) => NearestName.Of(name, known) is { } near ? $" (did you mean '{near}'?)" : string.Empty;

    private List<YamlScalarNode> Items(string key, string wanted)
    {
        var list = Require(key) as YamlSequenceNode ?? throw Wrong(key, wanted);
        return list.Children.Count > 0 && list.All(item => item is YamlScalarNode) ? [.. list.Cast<YamlScalarNode>()] : throw Wrong(key, wanted);
    }

    private YamlNode? Find(string key)
    {
        _known.Add(key);
        return node.Children.TryGetValue(new YamlScalarNode(key), out var value) ? value : null;
    }

    private int Whole(string key, int smallest, string otherwise)
    {
        var scalar = Scalar(key);
        return scalar.Style == ScalarStyle.Plain && int.TryParse(scalar.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= smallest
            ? value
            : throw Wrong(key, string.Create(CultureInfo.InvariantCulture, $"{otherwise}a whole number of at least {smallest}"));
    }

    private YamlNode Require(string key) => Find(key) ?? throw Invalid(
        $"the key '{key}' is missing{(NearestName.Of(key, Keys.Except(_known)) is { } near ? $"; '{near}' is there, which is not known" : string.Empty)}.");

    private YamlScalarNode Scalar(string key) => Require(key) as YamlScalarNode ?? throw Wrong(key, "a single value");

    private ZipLMException Wrong(string key, string wanted) => Wrong(key, Require(key), wanted);

    private ZipLMException Wrong(string key, YamlNode value, string wanted) =>
        Invalid(fileOf(value), value.Start, $"'{key}' must be {wanted}{(value is YamlScalarNode { Value: var found } ? $", but is '{found}'" : string.Empty)}.");
}
