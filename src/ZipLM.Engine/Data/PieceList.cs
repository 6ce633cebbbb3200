using System.Collections;

namespace ZipLM.Engine.Data;

/// <summary>Distinct pieces in the order of their ids.</summary>
internal sealed class PieceList : IReadOnlyList<string>
{
    private readonly List<string> _pieces = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);

    public int Count => _pieces.Count;

    public string this[int id] => _pieces[id];

    /// <summary>The id of a piece, which is added when it is not there yet.</summary>
    public int Add(string piece)
    {
        if (_ids.TryGetValue(piece, out var id)) return id;
        _pieces.Add(piece);
        _ids.Add(piece, _pieces.Count - 1);
        return _pieces.Count - 1;
    }

    public IEnumerator<string> GetEnumerator() => _pieces.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
