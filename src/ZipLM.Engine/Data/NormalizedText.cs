namespace ZipLM.Engine.Data;

/// <summary>Normalised characters, each with the range of the original string that it came from.</summary>
internal sealed class NormalizedText
{
    private char[] _characters;
    private int[] _starts;
    private int[] _ends;

    /// <param name="capacity">Characters to expect; more are fine.</param>
    public NormalizedText(int capacity)
    {
        _characters = new char[capacity];
        _starts = new int[capacity];
        _ends = new int[capacity];
    }

    public int Length { get; private set; }

    public char this[int index] => _characters[index];

    public void Append(string characters, int start, int end)
    {
        if (Length + characters.Length > _characters.Length)
        {
            var capacity = Math.Max(Length + characters.Length, 2 * _characters.Length);
            Array.Resize(ref _characters, capacity);
            Array.Resize(ref _starts, capacity);
            Array.Resize(ref _ends, capacity);
        }

        foreach (var character in characters)
        {
            _characters[Length] = character;
            _starts[Length] = start;
            _ends[Length] = end;
            Length++;
        }
    }

    public ReadOnlySpan<char> Slice(int start, int end) => _characters.AsSpan(start, end - start);

    /// <summary>The original range, in UTF-16 units, of the normalised characters from start (inclusive) to end (exclusive).</summary>
    public (int Start, int End) OriginalRange(int start, int end) => (_starts[start], _ends[end - 1]);
}
