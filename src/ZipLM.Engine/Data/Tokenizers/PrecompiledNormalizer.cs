using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>
/// SentencePiece's table of replacements (NFKC and its own additions), as Hugging Face's tokenizers apply it: a grapheme of
/// fewer than six UTF-8 bytes is looked up whole, and otherwise each of its characters.
/// </summary>
/// <remarks>
/// The table is 4 bytes with the length of a double-array trie, the trie (32-bit little-endian units, keys in UTF-8), and the
/// replacements, each ended by a zero byte, which the trie's values point to.
/// </remarks>
internal sealed class PrecompiledNormalizer : INormalizer
{
    /// <summary>UTF-8 bytes from which on a grapheme is not looked up whole.</summary>
    private const int GraphemeLimit = 6;

    private readonly uint[] _units;
    private readonly byte[] _replacements;

    /// <exception cref="FormatException">The table is cut off.</exception>
    public PrecompiledNormalizer(ReadOnlySpan<byte> table)
    {
        var size = table.Length < 4 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(table);
        if (size < 4 || size % 4 != 0 || size > table.Length - 4) throw new FormatException("its precompiled_charsmap is cut off");
        _units = new uint[size / 4];
        for (var i = 0; i < _units.Length; i++) _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(table[(4 + 4 * i)..]);
        _replacements = table[(4 + size)..].ToArray();
    }

    public NormalizedText Normalize(NormalizedText text)
    {
        var result = new NormalizedText(text.Length + 16);
        for (var at = 0; at < text.Length;)
        {
            var length = StringInfo.GetNextTextElementLength(text.Slice(at, text.Length));
            if (Find(text.Slice(at, at + length)) is { } whole)
            {
                var (start, end) = text.OriginalRange(at, at + length);
                result.Append(whole, start, end);
                at += length;
                continue;
            }

            for (var graphemeEnd = at + length; at < graphemeEnd;)
            {
                Rune.DecodeFromUtf16(text.Slice(at, graphemeEnd), out _, out var units);
                var (start, end) = text.OriginalRange(at, at + units);
                if (Find(text.Slice(at, at + units)) is { } single) result.Append(single, start, end);
                else result.Append(text.Slice(at, at + units), start, end);
                at += units;
            }
        }

        return result;
    }

    /// <summary>The replacement of the shortest key that the characters begin with.</summary>
    private string? Find(ReadOnlySpan<char> characters)
    {
        if (characters.Length >= GraphemeLimit) return null;
        Span<byte> key = stackalloc byte[3 * GraphemeLimit];
        key = key[..Encoding.UTF8.GetBytes(characters, key)];
        if (key.Length >= GraphemeLimit) return null;

        var node = Offset(_units[0]);
        foreach (var label in key)
        {
            node ^= label;
            if (node >= _units.Length || (_units[node] & 0x800000FF) != label) return null;
            var unit = _units[node];
            node ^= Offset(unit);
            if ((unit >> 8 & 1) != 0) return node < _units.Length ? Replacement((int)(_units[node] & 0x7FFFFFFF)) : null;
        }

        return null;
    }

    private string? Replacement(int start)
    {
        if (start >= _replacements.Length) return null;
        var text = _replacements.AsSpan(start);
        var end = text.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 0x200) >> 6);
}
