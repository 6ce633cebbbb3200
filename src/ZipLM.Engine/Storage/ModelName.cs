namespace ZipLM.Engine.Storage;

/// <summary>The names that models go by in the store and on the hub: <c>name</c> or <c>org/name</c>.</summary>
internal static class ModelName
{
    /// <summary>Whether it is a name: one or two parts of ASCII letters, digits, <c>.</c>, <c>_</c>, <c>-</c>, none starting with <c>.</c></summary>
    public static bool IsValid(string name) =>
        name.Split('/') is { Length: 1 or 2 } parts && parts.All(IsValidPart);

    /// <summary>Whether it can be one part of a name, and so a file name that leads nowhere else.</summary>
    public static bool IsValidPart(string part) =>
        part.Length is > 0 and <= 128 && part[0] != '.' && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
}
