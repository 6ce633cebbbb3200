namespace ZipLM.Engine.Data;

/// <summary>Where each character of a text begins: published data sets count code points, strings here UTF-16 units.</summary>
internal sealed class CodePoints
{
    private readonly int[] _places;

    public CodePoints(string text)
    {
        var places = new List<int>(text.Length);
        for (var i = 0; i < text.Length; i += i + 1 < text.Length && char.IsSurrogatePair(text, i) ? 2 : 1) places.Add(i);
        _places = [.. places];
    }

    /// <summary>The UTF-16 unit at which a character begins; -1 where there is no such character.</summary>
    public int Unit(int character) => character >= 0 && character < _places.Length ? _places[character] : -1;
}
