namespace ZipLM.Engine.Data;

/// <summary>Reads plain text: every line with something on it is a row, or what stands between two delimiters.</summary>
internal static class PlainRows
{
    public static IEnumerable<DatasetRow> Read(TextReader text, string? delimiter) =>
        (delimiter is null ? Lines(text) : Parts(text.ReadToEnd(), delimiter)).Select(part => new DatasetRow(part.Number, part.Text, null, null));

    /// <summary>The lines that are not blank, with their numbers from 1.</summary>
    public static IEnumerable<(long Number, string Text)> Lines(TextReader text)
    {
        for (long number = 1; text.ReadLine() is { } line; number++)
        {
            if (!string.IsNullOrWhiteSpace(line)) yield return (number, line);
        }
    }

    /// <summary>The parts that are not blank, without the line ends around them; one that does not occur leaves the whole text.</summary>
    private static IEnumerable<(long Number, string Text)> Parts(string text, string delimiter)
    {
        var line = 1L;
        foreach (var part in text.Split(delimiter))
        {
            var trimmed = part.Trim('\r', '\n');
            var start = part.Length - part.TrimStart('\r', '\n').Length;
            if (!string.IsNullOrWhiteSpace(trimmed)) yield return (line + part.AsSpan(0, start).Count('\n'), trimmed);
            line += part.AsSpan().Count('\n') + delimiter.AsSpan().Count('\n');
        }
    }
}
