using System.Text;
using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Reads a BERT tokenizer from the files of a model directory.</summary>
internal static class BertTokenizerReader
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// <c>tokenizer.json</c> wins over <c>vocab.txt</c>; what <c>tokenizer_config.json</c> says wins over both,
    /// and what nobody says is as in bert-base-uncased.
    /// </summary>
    public static BertTokenizer Read(string directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        var json = Path.Combine(directory, "tokenizer.json");
        var text = Path.Combine(directory, "vocab.txt");
        var (vocabulary, options) =
            File.Exists(json) ? Parse(json, WordPieceJson.Read) :
            File.Exists(text) ? (ReadVocabulary(text), new BertTokenizerOptions()) :
            throw new ZipLMException("TokenizerNotFound", ErrorKind.NotFound,
                $"'{directory}' holds neither tokenizer.json nor vocab.txt.",
                "Copy the tokenizer's files from the original model into this directory.", directory);

        var config = Path.Combine(directory, "tokenizer_config.json");
        return new BertTokenizer(vocabulary, File.Exists(config) ? Parse(config, root => Configure(options, root)) : options);
    }

    private static string[] ReadVocabulary(string path)
    {
        try
        {
            return File.ReadAllLines(path, StrictUtf8);
        }
        catch (DecoderFallbackException error)
        {
            throw Invalid(path, "is not UTF-8 text", error);
        }
    }

    private static BertTokenizerOptions Configure(BertTokenizerOptions options, JsonElement config) => options with
    {
        LowerCase = Flag(config, "do_lower_case") ?? options.LowerCase,
        SplitChineseCharacters = Flag(config, "tokenize_chinese_chars") ?? options.SplitChineseCharacters,
        StripAccents = Flag(config, "strip_accents") ?? options.StripAccents,
        // Files that know no limit write 10^30 here.
        MaximumLength = config.TryGetProperty("model_max_length", out var limit) && limit.TryGetInt32(out var length) && length > 0
            ? length : options.MaximumLength,
    };

    private static bool? Flag(JsonElement config, string name) =>
        !config.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null : value.GetBoolean();

    private static T Parse<T>(string path, Func<JsonElement, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return read(document.RootElement);
        }
        catch (UnsupportedTokenizerException error)
        {
            throw new ZipLMException("TokenizerNotSupported", ErrorKind.InvalidData,
                $"'{path}' is not a BERT tokenizer: {error.Message}.",
                "Use a model with a WordPiece tokenizer of BERT's kind.", path, error);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Invalid(path, $"is not a valid tokenizer file: {error.Message}", error);
        }
    }

    private static ZipLMException Invalid(string path, string what, Exception error) => new(
        "TokenizerFileInvalid", ErrorKind.InvalidData, $"'{path}' {what}", "Fetch the file again from the original model.", path, error);
}
