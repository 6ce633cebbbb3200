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
        var json = Path.Combine(directory, TokenizerFile.Json);
        var text = Path.Combine(directory, "vocab.txt");
        var (vocabulary, options) =
            File.Exists(json) ? TokenizerFile.Parse(json, WordPieceJson.Read) :
            File.Exists(text) ? (ReadVocabulary(text), new BertTokenizerOptions()) :
            throw TokenizerFile.Missing(directory, "tokenizer.json or vocab.txt");

        var config = Path.Combine(directory, TokenizerFile.Config);
        return new BertTokenizer(vocabulary, File.Exists(config) ? TokenizerFile.Parse(config, root => Configure(options, root)) : options);
    }

    private static string[] ReadVocabulary(string path)
    {
        try
        {
            return File.ReadAllLines(path, StrictUtf8);
        }
        catch (DecoderFallbackException error)
        {
            throw TokenizerFile.Invalid(path, "is not UTF-8 text", error);
        }
    }

    private static BertTokenizerOptions Configure(BertTokenizerOptions options, JsonElement config) => options with
    {
        LowerCase = config.Flag("do_lower_case") ?? options.LowerCase,
        SplitChineseCharacters = config.Flag("tokenize_chinese_chars") ?? options.SplitChineseCharacters,
        StripAccents = config.Flag("strip_accents") ?? options.StripAccents,
        // Files that know no limit write 10^30 here.
        MaximumLength = config.TryGetProperty("model_max_length", out var limit) && limit.TryGetInt32(out var length) && length > 0
            ? length : options.MaximumLength,
    };
}
