using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>
/// Byte-pair encoding: a word begins as its characters, and again and again the neighbouring pair of the lowest rank, the
/// leftmost of equal ones, becomes one piece.
/// </summary>
/// <remarks>
/// Microsoft.ML.Tokenizers' BpeTokenizer has neither the fallback to bytes nor whole words first, which LLaMA needs, and makes
/// strings and lists for every word; its SentencePieceTokenizer reads only .model files and gives offsets into the normalised
/// text. A queue of pairs keeps a text without words, such as 100,000 letters in LLaMA, from taking quadratic time.
/// </remarks>
internal sealed class BytePairModel : ISubwordModel
{
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges;
    private readonly int[]? _bytes;
    private readonly BytePairOptions _options;

    /// <param name="ids">Every piece with its id.</param>
    /// <param name="merges">Pairs of pieces in the order of their ranks.</param>
    /// <param name="options">What becomes of characters that are no pieces.</param>
    /// <exception cref="FormatException">A merge names, or makes, what is no piece.</exception>
    public BytePairModel(Dictionary<string, int> ids, IReadOnlyList<(string Left, string Right)> merges, BytePairOptions options)
    {
        _ids = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _options = options;
        _bytes = options.ByteFallback ? BytePieces.Find(ids) : null;
        _merges = new(merges.Count);
        int Id(string piece) => ids.TryGetValue(piece, out var id) ? id : throw new FormatException($"its merges use '{piece}', which the vocabulary lacks");
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var (left, right) = merges[rank];
            _merges[(Id(left), Id(right))] = (rank, Id(left + right));
        }
    }

    /// <inheritdoc />
    public void Split(ReadOnlySpan<char> word, List<(int Id, int Start, int End)> pieces)
    {
        if (_options.WholeWordsFirst && _ids.TryGetValue(word, out var whole))
        {
            pieces.Add((whole, 0, word.Length));
            return;
        }

        var first = pieces.Count;
        AddCharacters(word, pieces);
        if (pieces.Count - first > 1) Merge(pieces, first);
    }

    private void AddCharacters(ReadOnlySpan<char> word, List<(int Id, int Start, int End)> pieces)
    {
        var fuses = false;
        for (var at = 0; at < word.Length;)
        {
            Rune.DecodeFromUtf16(word[at..], out _, out var length);
            var end = at + length;
            if (_ids.TryGetValue(word[at..end], out var id))
            {
                pieces.Add((id, at, end));
                fuses = false;
            }
            else if (_bytes is not null)
            {
                BytePieces.Add(word, at, end, _bytes, pieces);
                fuses = false;
            }
            else if (_options.UnknownId is { } unknown)
            {
                if (fuses) pieces[^1] = (unknown, pieces[^1].Start, end);
                else pieces.Add((unknown, at, end));
                fuses = _options.FusesUnknown;
            }

            at = end;
        }
    }

    /// <summary>Merges the pieces from an index on. Merged ones are linked past, and a length of 0 marks a piece that is gone.</summary>
    private void Merge(List<(int Id, int Start, int End)> pieces, int first)
    {
        var count = pieces.Count - first;
        var symbols = new Symbol[count];
        var queue = new PriorityQueue<(int Position, int Left, int Right, int Id), long>();
        void Offer(int left)
        {
            var right = symbols[left].Next;
            if (right < count && _merges.TryGetValue((symbols[left].Id, symbols[right].Id), out var merge))
            {
                queue.Enqueue((left, symbols[left].Id, symbols[right].Id, merge.Id), (long)merge.Rank << 32 | (uint)left);
            }
        }

        for (var i = 0; i < count; i++)
        {
            var (id, start, end) = pieces[first + i];
            symbols[i] = new Symbol(id, start, end, i - 1, i + 1);
        }

        for (var i = 0; i < count - 1; i++) Offer(i);
        while (queue.TryDequeue(out var pair, out _))
        {
            // What stood here when the pair was offered may have been merged since.
            ref var left = ref symbols[pair.Position];
            if (left.Id != pair.Left || left.Next >= count || symbols[left.Next].Id != pair.Right) continue;
            ref var right = ref symbols[left.Next];
            left = left with { Id = pair.Id, End = right.End, Next = right.Next };
            right = right with { Id = Symbol.Gone };
            if (left.Next < count) symbols[left.Next] = symbols[left.Next] with { Previous = pair.Position };
            Offer(pair.Position);
            if (left.Previous >= 0) Offer(left.Previous);
        }

        pieces.RemoveRange(first, count);
        for (var i = 0; i < count; i = symbols[i].Next) pieces.Add((symbols[i].Id, symbols[i].Start, symbols[i].End));
    }

    /// <summary>A piece of the word and its neighbours.</summary>
    private readonly record struct Symbol(int Id, int Start, int End, int Previous, int Next)
    {
        /// <summary>The id of a piece that was merged into the one before it.</summary>
        public const int Gone = -1;
    }
}
