namespace ZipLM.Engine.Data;

/// <summary>Greedy longest-match-first split of one word into the pieces of a vocabulary.</summary>
/// <remarks>
/// Microsoft.ML.Tokenizers' WordPieceTokenizer agrees on most words, but it counts the word's limit in UTF-16 units,
/// so that sixty emoji are unknown where the published tokenizer finds sixty pieces; and it makes a list and a string
/// for every word. These lines look spans up in place.
/// </remarks>
internal sealed class WordPiece : ISubwordModel
{
    /// <summary>Marks a piece that goes on a word.</summary>
    public const string Continuation = "##";

    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _starts;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _continuations;
    private readonly int _longest;
    private readonly int _unknownId;
    private readonly int _maximumWordLength;

    /// <param name="ids">Every piece with its id.</param>
    /// <param name="unknownId">Id of a word that has no split.</param>
    /// <param name="maximumWordLength">Words of more characters (code points) are unknown.</param>
    public WordPiece(Dictionary<string, int> ids, int unknownId, int maximumWordLength)
    {
        var continuations = ids
            .Where(piece => piece.Key.StartsWith(Continuation, StringComparison.Ordinal))
            .ToDictionary(piece => piece.Key[Continuation.Length..], piece => piece.Value, StringComparer.Ordinal);
        _starts = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _continuations = continuations.GetAlternateLookup<ReadOnlySpan<char>>();
        _longest = ids.Keys.Max(piece => piece.Length);
        _unknownId = unknownId;
        _maximumWordLength = maximumWordLength;
    }

    /// <inheritdoc />
    public void Split(ReadOnlySpan<char> word, List<(int Id, int Start, int End)> pieces)
    {
        var before = pieces.Count;
        for (var start = IsTooLong(word) ? word.Length : 0; start < word.Length;)
        {
            var lookup = start == 0 ? _starts : _continuations;
            var end = Math.Min(word.Length, start + _longest);
            var id = 0;
            while (end > start && !lookup.TryGetValue(word[start..end], out id)) end--;
            if (end == start) break;
            pieces.Add((id, start, end));
            start = end;
        }

        if (pieces.Count == before || pieces[^1].End != word.Length)
        {
            pieces.RemoveRange(before, pieces.Count - before);
            pieces.Add((_unknownId, 0, word.Length));
        }
    }

    private bool IsTooLong(ReadOnlySpan<char> word)
    {
        if (word.Length <= _maximumWordLength) return false;
        var characters = word.Length;
        foreach (var unit in word)
        {
            if (char.IsLowSurrogate(unit)) characters--;
        }

        return characters > _maximumWordLength;
    }
}
