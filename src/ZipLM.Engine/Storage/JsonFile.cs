using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ZipLM.Engine.Storage;

/// <summary>Reads and writes files that hold one JSON object.</summary>
internal static class JsonFile
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    // As Python writes it: indented by two, letters of any language as they are. These files never end up inside HTML.
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Reads an object.</summary>
    /// <exception cref="ZipLMException"><c>JsonMissing</c>, <c>JsonUnreadable</c>; <c>JsonInvalid</c> with line and column.</exception>
    public static JsonObject Read(string path)
    {
        ReadOnlySpan<byte> text = ReadBytes(path);
        if (text.StartsWith(Encoding.UTF8.Preamble))
            text = text[Encoding.UTF8.Preamble.Length..];
        try
        {
            return JsonNode.Parse(text, null, Strict) as JsonObject ?? throw Invalid(path, "the file must hold one JSON object.", null);
        }
        catch (JsonException e)
        {
            string reason = e.Message.Split(" LineNumber:", 2)[0];
            return e is { LineNumber: { } line, BytePositionInLine: { } position }
                ? throw Invalid(path, $"line {line + 1}, column {Column(text, line, position)}: {reason}", e)
                : throw Invalid(path, reason, e);
        }
        catch (InvalidOperationException e)
        {
            throw Invalid(path, "it holds text that is not valid UTF-8.", e);
        }
    }

    /// <summary>Writes an object, indented, by way of <see cref="AtomicFile"/>.</summary>
    public static void Write(string path, JsonObject content) =>
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(content.ToJsonString(Indented) + "\n"));

    private static byte[] ReadBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ZipLMException("JsonMissing", ErrorKind.NotFound, $"The file '{path}' does not exist.", "Check the path.", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ZipLMException("JsonUnreadable", ErrorKind.ResourceUnavailable, $"'{path}' cannot be read: {e.Message}", "Check the path and its permissions.", path, e);
        }
    }

    // The parser counts bytes; an editor counts characters.
    private static int Column(ReadOnlySpan<byte> text, long line, long position)
    {
        for (; line > 0; line--)
            text = text[(text.IndexOf((byte)'\n') + 1)..];
        return Encoding.UTF8.GetCharCount(text[..(int)Math.Min(position, text.Length)]) + 1;
    }

    private static ZipLMException Invalid(string path, string reason, Exception? cause) => new(
        "JsonInvalid",
        ErrorKind.InvalidData,
        $"'{path}' is not valid JSON: {reason}",
        "Correct the file, or get it again from where it came.",
        path,
        cause);
}
