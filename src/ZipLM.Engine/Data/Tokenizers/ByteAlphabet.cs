namespace ZipLM.Engine.Data;

/// <summary>GPT-2's alphabet: every byte as one printable character, itself where it is one in Latin-1, else from U+0100 on.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] OfByte = Build();
    private static readonly Dictionary<char, byte> ByCharacter = OfByte.Select((character, value) => (character, value)).ToDictionary(p => p.character, p => (byte)p.value);

    /// <summary>The character that stands for a space.</summary>
    public const char Space = '\u0120';

    public static char Character(byte value) => OfByte[value];

    /// <summary>The byte that a character stands for.</summary>
    public static bool TryGetByte(char character, out byte value) => ByCharacter.TryGetValue(character, out value);

    private static char[] Build()
    {
        var next = '\u0100';
        return [.. Enumerable.Range(0, 256).Select(value => value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF) ? (char)value : next++)];
    }
}
