using System.Globalization;
using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>The pieces <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c> of a SentencePiece vocabulary.</summary>
internal static class BytePieces
{
    /// <summary>Ids by byte, or null when the vocabulary has not all of them.</summary>
    public static int[]? Find(Dictionary<string, int> ids)
    {
        var found = new int[256];
        for (var value = 0; value < 256; value++)
        {
            if (!ids.TryGetValue(Name((byte)value), out found[value])) return null;
        }

        return found;
    }

    public static string Name(byte value) => string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");

    /// <summary>The byte that a piece stands for.</summary>
    public static bool TryGetByte(string piece, out byte value)
    {
        value = 0;
        return piece is ['<', '0', 'x', _, _, '>'] && byte.TryParse(piece.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>Adds the tokens of a range's bytes; each stands for the whole of its character.</summary>
    public static void Add(ReadOnlySpan<char> word, int start, int end, int[] bytes, List<(int Id, int Start, int End)> pieces)
    {
        Span<byte> utf8 = stackalloc byte[4];
        while (start < end)
        {
            Rune.DecodeFromUtf16(word[start..end], out var rune, out var length);
            var count = rune.EncodeToUtf8(utf8);
            for (var i = 0; i < count; i++) pieces.Add((bytes[utf8[i]], start, start + length));
            start += length;
        }
    }
}
