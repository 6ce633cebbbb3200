using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace ZipLM.Engine.Data;

/// <summary>Reads the <c>normalizer</c> of <c>tokenizer.json</c>.</summary>
internal static class NormalizerJson
{
    public static IReadOnlyList<INormalizer> Read(JsonElement? part) => [.. part.Flatten("normalizers").Select(Single)];

    private static INormalizer Single(JsonElement part) => part.Kind() switch
    {
        "NFC" => new UnicodeNormalizer(NormalizationForm.FormC),
        "NFD" => new UnicodeNormalizer(NormalizationForm.FormD),
        "NFKC" => new UnicodeNormalizer(NormalizationForm.FormKC),
        "NFKD" => new UnicodeNormalizer(NormalizationForm.FormKD),
        "Lowercase" => new CharacterNormalizer(BertNormalizer.LowerCase),
        "StripAccents" => new CharacterNormalizer(rune => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark
            or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark ? "" : rune.ToString()),
        "BertNormalizer" => new CharacterNormalizer(new BertNormalizer(WordPieceJson.Normalizer(part)).Map),
        "Replace" => Replace(part.GetProperty("pattern"), part.GetProperty("content").GetString()!),
        "Prepend" => new PrependNormalizer(part.GetProperty("prepend").GetString()!),
        "Strip" => new StripNormalizer(part.Flag("strip_left") ?? true, part.Flag("strip_right") ?? true),
        "Precompiled" => new PrecompiledNormalizer(part.GetProperty("precompiled_charsmap").GetBytesFromBase64()),
        var other => throw new UnsupportedTokenizerException($"its normalizer is {other}"),
    };

    private static ReplaceNormalizer Replace(JsonElement pattern, string content) => new(
        pattern.Text("String") is { } text ? new Regex(Regex.Escape(text), RegexOptions.CultureInvariant, Regex.InfiniteMatchTimeout)
            : SplitPatterns.Find(pattern.GetProperty("Regex").GetString()!), content);
}
