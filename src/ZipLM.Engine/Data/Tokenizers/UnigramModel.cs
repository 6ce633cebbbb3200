using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>
/// SentencePiece's Unigram: of all ways to spell a word with pieces, the one with the greatest sum of log probabilities,
/// found by dynamic programming over the ends of pieces.
/// </summary>
internal sealed class UnigramModel : ISubwordModel
{
    /// <summary>What an unknown character costs beyond the rarest piece, as in SentencePiece.</summary>
    private const double UnknownPenalty = 10;

    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly double[] _scores;
    private readonly int _longest;
    private readonly int _unknownId;
    private readonly double _unknownScore;
    private readonly int[]? _bytes;

    /// <param name="ids">Every piece with its id.</param>
    /// <param name="scores">Log probability by id.</param>
    /// <param name="unknownId">Id of characters that are in no piece; neighbouring ones become one token.</param>
    /// <param name="byteFallback">Unknown characters become their UTF-8 bytes instead.</param>
    public UnigramModel(Dictionary<string, int> ids, double[] scores, int unknownId, bool byteFallback)
    {
        _ids = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _scores = scores;
        _longest = ids.Keys.Max(piece => piece.Length);
        _unknownId = unknownId;
        _unknownScore = scores.Min() - UnknownPenalty;
        _bytes = byteFallback ? BytePieces.Find(ids) : null;
    }

    /// <inheritdoc />
    public void Split(ReadOnlySpan<char> word, List<(int Id, int Start, int End)> pieces)
    {
        // best[end]: the best spelling of the first characters, by its last piece. Start -1: no piece ends here.
        var best = new (double Score, int Id, int Start)[word.Length + 1];
        Array.Fill(best, (0, 0, -1));
        for (var start = 0; start < word.Length;)
        {
            Rune.DecodeFromUtf16(word[start..], out _, out var length);
            var sum = best[start].Score;
            var single = false;
            for (var end = start + length; end <= Math.Min(word.Length, start + _longest); end++)
            {
                if (!_ids.TryGetValue(word[start..end], out var id)) continue;
                single |= end == start + length;
                if (best[end].Start < 0 || sum + _scores[id] > best[end].Score) best[end] = (sum + _scores[id], id, start);
            }

            var next = start + length;
            if (!single && (best[next].Start < 0 || sum + _unknownScore > best[next].Score)) best[next] = (sum + _unknownScore, _unknownId, start);
            start = next;
        }

        Collect(word, best, pieces);
    }

    /// <summary>Walks back from the end; neighbouring unknown characters are fused.</summary>
    private void Collect(ReadOnlySpan<char> word, (double Score, int Id, int Start)[] best, List<(int Id, int Start, int End)> pieces)
    {
        var path = new List<(int Id, int Start, int End)>();
        for (var end = word.Length; end > 0; end = best[end].Start)
        {
            var (_, id, start) = best[end];
            if (id == _unknownId && path is [.., { Id: var last } next] && last == _unknownId) path[^1] = (id, start, next.End);
            else path.Add((id, start, end));
        }

        for (var i = path.Count - 1; i >= 0; i--)
        {
            if (path[i].Id == _unknownId && _bytes is not null) BytePieces.Add(word, path[i].Start, path[i].End, _bytes, pieces);
            else pieces.Add(path[i]);
        }
    }
}
