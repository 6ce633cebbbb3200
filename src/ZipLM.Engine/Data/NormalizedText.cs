using System.Text;

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

    /// <summary>A range of a text as it stands. A lone surrogate becomes U+FFFD, which is what it would be in a UTF-8 file.</summary>
    public static NormalizedText Of(string text, int start, int end)
    {
        var result = new NormalizedText(end - start);
        for (var at = start; at < end;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(at, end - at), out var rune, out var length);
            if (rune == Rune.ReplacementChar) result.Append("\uFFFD", at, at + length);
            else result.Append(text.AsSpan(at, length), at, at + length);
            at += length;
        }

        return result;
    }

    public char this[int index] => _characters[index];

    /// <summary>Characters that all came from one range of the original.</summary>
    public void Append(ReadOnlySpan<char> characters, int start, int end)
    {
        Reserve(characters.Length);
        foreach (var character in characters)
        {
            _characters[Length] = character;
            _starts[Length] = start;
            _ends[Length] = end;
            Length++;
        }
    }

    /// <summary>Characters of another text, from start (inclusive) to end (exclusive), each with its own range.</summary>
    public void Append(NormalizedText other, int start, int end)
    {
        Reserve(end - start);
        other._characters.AsSpan(start, end - start).CopyTo(_characters.AsSpan(Length));
        other._starts.AsSpan(start, end - start).CopyTo(_starts.AsSpan(Length));
        other._ends.AsSpan(start, end - start).CopyTo(_ends.AsSpan(Length));
        Length += end - start;
    }

    /// <summary>The same text after a prefix, which stands for its first character.</summary>
    public NormalizedText WithPrefix(string prefix)
    {
        var result = new NormalizedText(Length + prefix.Length);
        result.Append(prefix, _starts[0], _ends[0]);
        result.Append(this, 0, Length);
        return result;
    }

    public ReadOnlySpan<char> Slice(int start, int end) => _characters.AsSpan(start, end - start);

    /// <summary>The original range, in UTF-16 units, of the normalised characters from start (inclusive) to end (exclusive).</summary>
    public (int Start, int End) OriginalRange(int start, int end) => (_starts[start], _ends[end - 1]);

    private void Reserve(int more)
    {
        if (Length + more <= _characters.Length) return;
        var capacity = Math.Max(Length + more, 2 * _characters.Length);
        Array.Resize(ref _characters, capacity);
        Array.Resize(ref _starts, capacity);
        Array.Resize(ref _ends, capacity);
    }
}
