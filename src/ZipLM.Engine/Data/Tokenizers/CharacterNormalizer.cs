using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>Turns each character by itself into a string.</summary>
internal sealed class CharacterNormalizer(Func<Rune, string> map) : INormalizer
{
    public NormalizedText Normalize(NormalizedText text)
    {
        var result = new NormalizedText(text.Length + 16);
        for (var at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf16(text.Slice(at, text.Length), out var rune, out var length);
            var (start, end) = text.OriginalRange(at, at + length);
            result.Append(map(rune), start, end);
            at += length;
        }

        return result;
    }
}
