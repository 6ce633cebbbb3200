using System.Globalization;

namespace ZipLM.Benchmarks;

/// <summary>A benchmark's <c>--option value</c> pairs and switches.</summary>
internal sealed class Options(string[] arguments)
{
    public bool Has(string name) => Array.IndexOf(arguments, "--" + name) >= 0;

    public string? Text(string name)
    {
        var at = Array.IndexOf(arguments, "--" + name);
        return at >= 0 && at + 1 < arguments.Length ? arguments[at + 1] : null;
    }

    public int Int(string name, int otherwise) => Text(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
