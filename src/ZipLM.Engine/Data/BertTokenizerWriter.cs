using System.Text.Encodings.Web;
using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Writes a BERT tokenizer's files as Hugging Face's tokenizers read them.</summary>
internal static class BertTokenizerWriter
{
    /// <summary>Plain characters stay readable: these files are no web pages.</summary>
    private static readonly JsonWriterOptions Layout = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(BertTokenizer tokenizer, string directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        File.WriteAllText(Path.Combine(directory, "vocab.txt"), string.Concat(tokenizer.Vocabulary.Select(piece => piece + "\n")));
        WriteJson(Path.Combine(directory, "tokenizer_config.json"), json => WriteConfig(json, tokenizer.Options));
        WriteJson(Path.Combine(directory, "tokenizer.json"), json => WriteTokenizer(json, tokenizer));
    }

    private static void WriteConfig(Utf8JsonWriter json, BertTokenizerOptions options)
    {
        json.WriteStartObject();
        json.WriteString("tokenizer_class", "BertTokenizer");
        json.WriteBoolean("do_lower_case", options.LowerCase);
        json.WriteBoolean("tokenize_chinese_chars", options.SplitChineseCharacters);
        WriteFlag(json, "strip_accents", options.StripAccents);
        if (options.MaximumLength is { } length) json.WriteNumber("model_max_length", length);
        json.WriteString("pad_token", BertSpecialTokens.Pad);
        json.WriteString("unk_token", BertSpecialTokens.Unknown);
        json.WriteString("cls_token", BertSpecialTokens.Classifier);
        json.WriteString("sep_token", BertSpecialTokens.Separator);
        json.WriteString("mask_token", BertSpecialTokens.Mask);
        json.WriteEndObject();
    }

    private static void WriteTokenizer(Utf8JsonWriter json, BertTokenizer tokenizer)
    {
        var options = tokenizer.Options;
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        WriteAddedTokens(json, tokenizer);

        json.WriteStartObject("normalizer");
        json.WriteString("type", "BertNormalizer");
        json.WriteBoolean("clean_text", options.CleanText);
        json.WriteBoolean("handle_chinese_chars", options.SplitChineseCharacters);
        WriteFlag(json, "strip_accents", options.StripAccents);
        json.WriteBoolean("lowercase", options.LowerCase);
        json.WriteEndObject();

        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "BertPreTokenizer");
        json.WriteEndObject();

        WriteTemplates(json, tokenizer);

        json.WriteStartObject("decoder");
        json.WriteString("type", "WordPiece");
        json.WriteString("prefix", WordPiece.Continuation);
        json.WriteBoolean("cleanup", true);
        json.WriteEndObject();

        json.WriteStartObject("model");
        json.WriteString("type", "WordPiece");
        json.WriteString("unk_token", BertSpecialTokens.Unknown);
        json.WriteString("continuing_subword_prefix", WordPiece.Continuation);
        json.WriteNumber("max_input_chars_per_word", options.MaximumWordLength);
        json.WriteStartObject("vocab");
        for (var id = 0; id < tokenizer.Count; id++)
        {
            // Empty pieces fill ids that nothing has; of a repeated piece the last one counts.
            var piece = tokenizer.Vocabulary[id];
            if (piece.Length > 0 && tokenizer.TryGetId(piece, out var last) && last == id) json.WriteNumber(piece, id);
        }

        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteAddedTokens(Utf8JsonWriter json, BertTokenizer tokenizer)
    {
        var tokens = BertSpecialTokens.All.Concat(tokenizer.Options.AddedTokens)
            .Where(token => tokenizer.TryGetId(token, out _)).Distinct(StringComparer.Ordinal)
            .OrderBy(token => tokenizer.TryGetId(token, out var id) ? id : 0);
        json.WriteStartArray("added_tokens");
        foreach (var token in tokens)
        {
            tokenizer.TryGetId(token, out var id);
            json.WriteStartObject();
            json.WriteNumber("id", id);
            json.WriteString("content", token);
            foreach (var trait in (string[])["single_word", "lstrip", "rstrip", "normalized"]) json.WriteBoolean(trait, false);
            json.WriteBoolean("special", BertSpecialTokens.All.Contains(token, StringComparer.Ordinal));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary><c>[CLS] A [SEP]</c> and <c>[CLS] A [SEP] B [SEP]</c>.</summary>
    private static void WriteTemplates(Utf8JsonWriter json, BertTokenizer tokenizer)
    {
        void Item(string kind, string id, int type)
        {
            json.WriteStartObject();
            json.WriteStartObject(kind);
            json.WriteString("id", id);
            json.WriteNumber("type_id", type);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        void FirstText()
        {
            Item("SpecialToken", BertSpecialTokens.Classifier, 0);
            Item("Sequence", "A", 0);
            Item("SpecialToken", BertSpecialTokens.Separator, 0);
        }

        void Special(string token, int id)
        {
            json.WriteStartObject(token);
            json.WriteString("id", token);
            json.WriteStartArray("ids");
            json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteStartArray("tokens");
            json.WriteStringValue(token);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteStartObject("post_processor");
        json.WriteString("type", "TemplateProcessing");
        json.WriteStartArray("single");
        FirstText();
        json.WriteEndArray();
        json.WriteStartArray("pair");
        FirstText();
        Item("Sequence", "B", 1);
        Item("SpecialToken", BertSpecialTokens.Separator, 1);
        json.WriteEndArray();
        json.WriteStartObject("special_tokens");
        Special(BertSpecialTokens.Classifier, tokenizer.ClassifierId);
        Special(BertSpecialTokens.Separator, tokenizer.SeparatorId);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteFlag(Utf8JsonWriter json, string name, bool? value)
    {
        if (value is { } flag) json.WriteBoolean(name, flag);
        else json.WriteNull(name);
    }

    private static void WriteJson(string path, Action<Utf8JsonWriter> write)
    {
        using var file = File.Create(path);
        using var json = new Utf8JsonWriter(file, Layout);
        write(json);
    }
}
