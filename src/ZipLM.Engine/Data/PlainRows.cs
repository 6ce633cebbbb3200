namespace ZipLM.Engine.Data;

/// <summary>Reads plain text: every line with something on it is a row.</summary>
internal static class PlainRows
{
    public static IEnumerable<DatasetRow> Read(TextReader text) => Lines(text).Select(line => new DatasetRow(line.Number, line.Text, null, null));

    /// <summary>The lines that are not blank, with their numbers from 1.</summary>
    public static IEnumerable<(long Number, string Text)> Lines(TextReader text)
    {
        for (long number = 1; text.ReadLine() is { } line; number++)
        {
            if (!string.IsNullOrWhiteSpace(line)) yield return (number, line);
        }
    }
}
