using System.Text.RegularExpressions;

namespace ZipLM.Engine.Runtime;

/// <summary>Reads the version of a libtorch from the text files that lie beside its <c>lib</c> folder.</summary>
internal static partial class LibTorchVersion
{
    /// <summary>The version, such as <c>2.10.0+cu128</c>, or null when no file tells it.</summary>
    /// <param name="lib">The folder of the libraries.</param>
    public static string? Find(string lib)
    {
        string root = Path.Combine(lib, "..");
        string archive = Path.Combine(root, "build-version");
        if (File.Exists(archive))
            return File.ReadAllText(archive).Trim();
        string python = Path.Combine(root, "version.py");
        if (File.Exists(python) && PythonVersion().Match(File.ReadAllText(python)) is { Success: true } match)
            return match.Groups[1].Value;
        return null;
    }

    [GeneratedRegex("^__version__ *= *['\"]([^'\"]+)['\"]", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex PythonVersion();
}
