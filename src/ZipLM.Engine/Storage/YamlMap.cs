using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ZipLM.Engine.Storage;

/// <summary>
/// A mapping of a YAML file whose values are asked for by type. A wrong type, a missing key and, by
/// <see cref="RefuseUnknown"/>, a key that nobody asked for are errors with file and line.
/// </summary>
internal sealed class YamlMap(YamlMappingNode node, string file)
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    public string File => file;

    /// <summary>Line where the mapping begins, from 1.</summary>
    public long Line => node.Start.Line;

    /// <summary>The error of a file with something wrong at a line.</summary>
    public static ZipLMException Invalid(string file, long line, string what, Exception? cause = null) => new(
        "YamlInvalid", ErrorKind.InvalidData, string.Create(CultureInfo.InvariantCulture, $"'{file}', line {line}: {what}"),
        "Correct the file, or get it again from where it came.", file, cause);

    public ZipLMException Invalid(string what) => Invalid(file, Line, what);

    public string Text(string key) => Scalar(key).Value is { Length: > 0 } text ? text : throw Wrong(key, "a text");

    public string? OptionalText(string key) => Find(key) is null ? null : Text(key);

    /// <summary>A whole number.</summary>
    public int Whole(string key, int smallest)
    {
        var scalar = Scalar(key);
        return scalar.Style == ScalarStyle.Plain && int.TryParse(scalar.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= smallest
            ? value
            : throw Wrong(key, string.Create(CultureInfo.InvariantCulture, $"a whole number of at least {smallest}"));
    }

    /// <summary>A finite number that is not negative.</summary>
    public double Number(string key)
    {
        var scalar = Scalar(key);
        return scalar.Style == ScalarStyle.Plain && double.TryParse(scalar.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= 0 && double.IsFinite(value)
            ? value
            : throw Wrong(key, "a number of at least 0");
    }

    /// <summary>One of an enum's names.</summary>
    public T Name<T>(string key)
        where T : struct, Enum
    {
        var text = Text(key);
        return Enum.GetNames<T>().Contains(text, StringComparer.Ordinal) ? Enum.Parse<T>(text) : throw Wrong(key, $"one of {string.Join(", ", Enum.GetNames<T>())}");
    }

    public YamlMap Map(string key) => Require(key) is YamlMappingNode map ? new(map, file) : throw Wrong(key, "a mapping");

    /// <summary>A list of mappings.</summary>
    public IReadOnlyList<YamlMap> Maps(string key) =>
        Require(key) is YamlSequenceNode list && list.All(item => item is YamlMappingNode)
            ? [.. list.Select(item => new YamlMap((YamlMappingNode)item, file))]
            : throw Wrong(key, "a list of mappings");

    /// <summary>Called when all keys were asked for: there must be no other.</summary>
    public void RefuseUnknown()
    {
        foreach (var key in node.Children.Keys)
        {
            if (key is not YamlScalarNode { Value: { } name } || !_known.Contains(name))
            {
                throw Invalid(file, key.Start.Line, $"the key '{key}' is not known; known here are {string.Join(", ", _known)}.");
            }
        }
    }

    private YamlNode? Find(string key)
    {
        _known.Add(key);
        return node.Children.TryGetValue(new YamlScalarNode(key), out var value) ? value : null;
    }

    private YamlNode Require(string key) => Find(key) ?? throw Invalid($"the key '{key}' is missing.");

    private YamlScalarNode Scalar(string key) => Require(key) as YamlScalarNode ?? throw Wrong(key, "a single value");

    private ZipLMException Wrong(string key, string wanted)
    {
        var value = Require(key);
        return Invalid(file, value.Start.Line, $"'{key}' must be {wanted}{(value is YamlScalarNode { Value: var found } ? $", but is '{found}'" : string.Empty)}.");
    }
}
