using System.Management.Automation.Language;

namespace ZipLM.Host;

/// <summary>Turns the words after a script's name into its arguments, by the rules of <c>pwsh -File</c>.</summary>
internal static class ScriptArguments
{
    /// <summary>
    /// A word with a dash is a parameter's name: the engine gives it the next word when it takes a value, and nothing when
    /// it is a switch. <c>-Name:value</c> is one word; any other word is a positional argument, and always text.
    /// </summary>
    /// <returns>The arguments as PowerShell text.</returns>
    public static string ToText(IEnumerable<string> words) => string.Join(' ', words.Select(ToText));

    private static string ToText(string word)
    {
        if (word.Length < 2 || word[0] != '-' || !char.IsLetter(word[1]))
            return Quote(word);
        int colon = word.IndexOf(':', StringComparison.Ordinal);
        string name = colon < 0 ? word : word[..colon];
        if (!name[1..].All(letter => char.IsLetterOrDigit(letter) || letter == '_'))
            return Quote(word);
        return colon < 0 ? name : $"{name}:{Value(word[(colon + 1)..])}";
    }

    private static string Value(string text) => text.ToLowerInvariant() switch
    {
        "$true" or "true" => "$true",
        "$false" or "false" => "$false",
        _ => Quote(text),
    };

    private static string Quote(string text) => $"'{CodeGeneration.EscapeSingleQuotedStringContent(text)}'";
}
