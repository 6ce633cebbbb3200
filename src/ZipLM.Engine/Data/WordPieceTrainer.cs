using System.Runtime.InteropServices;
using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>
/// Learns a WordPiece vocabulary from texts: special tokens, characters, continuing characters (<c>##</c>), then again
/// and again the most frequent pair of neighbouring pieces joined to one, as Hugging Face's WordPieceTrainer does.
/// Equal counts go by the ids of the pair, so the same texts in any order give the same vocabulary.
/// </summary>
public static class WordPieceTrainer
{
    /// <summary>Characters kept at most; a rarer one, and every word with it, is unknown. As Hugging Face's BERT training has it.</summary>
    internal const int AlphabetLimit = 1000;

    /// <summary>A pair seen once teaches nothing.</summary>
    internal const int MinimumFrequency = 2;

    /// <summary>Learns a vocabulary and makes a tokenizer with it.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="size">Pieces wanted; fewer result when the texts have no more to join.</param>
    /// <param name="options">How text is read, in training and later.</param>
    /// <param name="cancellationToken">Stops the training.</param>
    /// <exception cref="ZipLMException">The size has no room for the characters of the texts, or the texts hold no word.</exception>
    public static BertTokenizer Train(
        IEnumerable<string> texts, int size, BertTokenizerOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        options ??= new BertTokenizerOptions();
        var vocabulary = Learn(CountWords(texts, options, cancellationToken), size, cancellationToken);
        return new BertTokenizer(vocabulary, options);
    }

    /// <summary>Learns a vocabulary from words and how often each occurs.</summary>
    internal static IReadOnlyList<string> Learn(IReadOnlyDictionary<string, int> counts, int size, CancellationToken cancellationToken)
    {
        var alphabet = Alphabet(counts);
        var words = counts
            .Where(word => word.Key.EnumerateRunes().All(alphabet.Contains))
            .OrderBy(word => word.Key, StringComparer.Ordinal).ToList();

        var vocabulary = new PieceList();
        foreach (var token in BertSpecialTokens.All) vocabulary.Add(token);
        foreach (var character in alphabet.Order()) vocabulary.Add(character.ToString());
        var continuing = words.SelectMany(word => word.Key.EnumerateRunes().Skip(1)).Distinct().Order();
        foreach (var character in continuing) vocabulary.Add(WordPiece.Continuation + character);
        if (vocabulary.Count > size)
        {
            throw new ZipLMException("VocabularySizeTooSmall", ErrorKind.InvalidArgument,
                $"A vocabulary of {size} pieces has no room for the special tokens and characters of the texts, which are {vocabulary.Count}.",
                $"Ask for at least {vocabulary.Count} pieces.", size);
        }

        var pairs = new PairCounts(words.Select(word => (Pieces(word.Key, vocabulary), word.Value)));
        while (vocabulary.Count < size && pairs.MostFrequent() is { } best && best.Count >= MinimumFrequency)
        {
            cancellationToken.ThrowIfCancellationRequested();
            // Two different pairs can spell the same piece; the second one joins to the piece that is there.
            pairs.Join(best.Left, best.Right, vocabulary.Add(vocabulary[best.Left] + vocabulary[best.Right][WordPiece.Continuation.Length..]));
        }

        return vocabulary;
    }

    private static Dictionary<string, int> CountWords(IEnumerable<string> texts, BertTokenizerOptions options, CancellationToken cancellationToken)
    {
        var normalizer = new BertNormalizer(options);
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var text in texts)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var normalized = normalizer.Normalize(text, 0, text.Length);
            foreach (var (start, end) in BertSplitter.Words(normalized))
            {
                // A longer word is unknown whatever the vocabulary.
                if (end - start <= options.MaximumWordLength)
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(lookup, normalized.Slice(start, end), out _)++;
                }
            }
        }

        return counts.Count > 0 ? counts : throw new ZipLMException("VocabularyTextsEmpty", ErrorKind.InvalidData,
            "The texts to learn a vocabulary from hold no word.", "Give texts with words.");
    }

    private static HashSet<Rune> Alphabet(IReadOnlyDictionary<string, int> counts)
    {
        var frequencies = new Dictionary<Rune, long>();
        foreach (var (word, count) in counts)
        {
            foreach (var character in word.EnumerateRunes())
            {
                CollectionsMarshal.GetValueRefOrAddDefault(frequencies, character, out _) += count;
            }
        }

        return [.. frequencies.OrderByDescending(entry => entry.Value).ThenBy(entry => entry.Key).Take(AlphabetLimit).Select(entry => entry.Key)];
    }

    private static List<int> Pieces(string word, PieceList vocabulary)
    {
        var pieces = new List<int>(word.Length);
        foreach (var character in word.EnumerateRunes())
        {
            pieces.Add(vocabulary.Add(pieces.Count == 0 ? character.ToString() : WordPiece.Continuation + character));
        }

        return pieces;
    }
}
