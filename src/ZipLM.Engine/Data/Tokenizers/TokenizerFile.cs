using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Reads the files of a tokenizer; whatever is wrong with one becomes an error that names it.</summary>
internal static class TokenizerFile
{
    public const string Json = "tokenizer.json";
    public const string Config = "tokenizer_config.json";

    public static ZipLMException Missing(string directory, string kinds) => new(
        "TokenizerNotFound", ErrorKind.NotFound, $"'{directory}' holds no {kinds}.",
        "Copy the tokenizer's files from the original model into this directory.", directory);

    /// <summary>Reads a file as a whole.</summary>
    public static T Read<T>(string path, Func<byte[], T> read)
    {
        try
        {
            return read(File.ReadAllBytes(path));
        }
        catch (UnsupportedTokenizerException error)
        {
            throw new ZipLMException("TokenizerNotSupported", ErrorKind.InvalidData,
                $"'{path}' is a tokenizer that is not supported: {error.Message}.",
                "Use a model whose tokenizer is of BERT's, GPT-2's, RoBERTa's, XLM-R's or LLaMA's kind.", path, error);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException
            or IndexOutOfRangeException or ArgumentException)
        {
            throw Invalid(path, $"is not a valid tokenizer file: {error.Message}", error);
        }
    }

    /// <summary>Reads a file that holds JSON.</summary>
    public static T Parse<T>(string path, Func<JsonElement, T> read) => Read(path, bytes =>
    {
        using var document = JsonDocument.Parse(bytes);
        return read(document.RootElement);
    });

    public static ZipLMException Invalid(string path, string what, Exception? error) => new(
        "TokenizerFileInvalid", ErrorKind.InvalidData, $"'{path}' {what}", "Fetch the file again from the original model.", path, error);
}
