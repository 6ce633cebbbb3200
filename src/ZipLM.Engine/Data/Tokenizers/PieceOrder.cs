namespace ZipLM.Engine.Data;

/// <summary>Pieces by id, from files that list them in any order.</summary>
internal static class PieceOrder
{
    /// <summary>An id that no piece has stays empty, and an empty piece never matches.</summary>
    /// <exception cref="FormatException">There is no piece, or the ids lie far beyond their number.</exception>
    public static string[] Of(IReadOnlyList<(string Piece, int Id)> ids)
    {
        if (ids.Count == 0) throw new FormatException("the vocabulary is empty");
        var highest = ids.Max(piece => piece.Id);
        if (ids.Min(piece => piece.Id) < 0 || highest > 2 * ids.Count + 1000)
        {
            throw new FormatException($"the ids of its {ids.Count} pieces reach from {ids.Min(piece => piece.Id)} to {highest}");
        }

        var vocabulary = new string[highest + 1];
        Array.Fill(vocabulary, "");
        foreach (var (piece, id) in ids) vocabulary[id] = piece;
        return vocabulary;
    }
}
