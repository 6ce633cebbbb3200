using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace ZipLM.Engine.Tests.Data;

/// <summary>
/// BERT's tokenizer once more, written straight from the published algorithm: whole strings at every step, no offsets,
/// nothing shared with the product.
/// </summary>
internal sealed class ReferenceBert(IReadOnlyList<string> vocabulary, bool lowerCase)
{
    private readonly Dictionary<string, int> _ids = vocabulary.Select((piece, id) => (piece, id)).ToDictionary(p => p.piece, p => p.id);

    public List<int> Tokenize(string text)
    {
        var ids = new List<int>();
        foreach (var part in Regex.Split(text, @"(\[CLS\]|\[SEP\]|\[PAD\]|\[UNK\]|\[MASK\])", RegexOptions.CultureInvariant, TimeSpan.FromMinutes(1)))
        {
            if (part is "[CLS]" or "[SEP]" or "[PAD]" or "[UNK]" or "[MASK]") ids.Add(_ids[part]);
            else foreach (var word in Words(part)) ids.AddRange(Pieces(word));
        }

        return ids;
    }

    public string Normalize(string text)
    {
        var runes = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).EnumerateRunes().ToList();
        var clean = new StringBuilder();
        foreach (var rune in runes)
        {
            var category = CharUnicodeInfo.GetUnicodeCategory(rune.Value);
            var tabOrLine = rune.Value is 9 or 10 or 13;
            if (rune.Value is 0 or 0xFFFD) continue;
            if (!tabOrLine && (category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse)) continue;
            if (tabOrLine || category is UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator) clean.Append(' ');
            else if (Chinese(rune.Value)) clean.Append(' ').Append(rune.ToString()).Append(' ');
            else clean.Append(rune.ToString());
        }

        var result = clean.ToString();
        if (!lowerCase) return result;
        result = result.Normalize(NormalizationForm.FormD);
        result = string.Concat(result.EnumerateRunes().Where(r => Rune.GetUnicodeCategory(r) != UnicodeCategory.NonSpacingMark).Select(r => r.ToString()));
        return result.ToLowerInvariant();
    }

    private static bool Chinese(int c)
    {
        (int From, int To)[] blocks =
        [
            (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
            (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
        ];
        return blocks.Any(block => c >= block.From && c <= block.To);
    }

    private IEnumerable<string> Words(string text)
    {
        foreach (var chunk in Normalize(text).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var word = "";
            foreach (var rune in chunk.EnumerateRunes())
            {
                if (!Punctuation(rune))
                {
                    word += rune.ToString();
                    continue;
                }

                if (word.Length > 0) yield return word;
                yield return rune.ToString();
                word = "";
            }

            if (word.Length > 0) yield return word;
        }
    }

    private static bool Punctuation(Rune rune)
    {
        var c = rune.Value;
        if ((c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126)) return true;
        return CharUnicodeInfo.GetUnicodeCategory(c).ToString().EndsWith("Punctuation", StringComparison.Ordinal)
            || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation;
    }

    private List<int> Pieces(string word)
    {
        var characters = word.EnumerateRunes().Select(r => r.ToString()).ToArray();
        if (characters.Length > 100) return [_ids["[UNK]"]];
        var ids = new List<int>();
        for (var start = 0; start < characters.Length;)
        {
            var end = characters.Length;
            for (; end > start; end--)
            {
                if (_ids.TryGetValue((start > 0 ? "##" : "") + string.Concat(characters[start..end]), out var id))
                {
                    ids.Add(id);
                    break;
                }
            }

            if (end == start) return [_ids["[UNK]"]];
            start = end;
        }

        return ids;
    }
}
