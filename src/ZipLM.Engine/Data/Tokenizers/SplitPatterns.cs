using System.Text.RegularExpressions;

namespace ZipLM.Engine.Data;

/// <summary>
/// The patterns that published tokenizers split text by. A tokenizer.json writes them in another dialect of regular
/// expressions than .NET's, so that only those known to mean the same are taken.
/// </summary>
internal static partial class SplitPatterns
{
    /// <summary>By the text that tokenizer.json has.</summary>
    private static readonly Dictionary<string, Regex> Published = new(StringComparer.Ordinal)
    {
        [@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = Gpt2(),
        [@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"] = Llama3(),
        [@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"] = Qwen2(),
        [" {2,}"] = Spaces(),
    };

    /// <exception cref="UnsupportedTokenizerException">The pattern is none of those.</exception>
    public static Regex Find(string pattern) => Published.TryGetValue(pattern, out var regex) ? regex
        : throw new UnsupportedTokenizerException($"its pattern {pattern} is not among those of GPT-2, LLaMA 3 and Qwen 2");

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    public static partial Regex Gpt2();

    /// <summary>Words, and runs of what is neither word nor space. A word has letters, marks, digits, connectors and joiners, as Unicode's \w.</summary>
    [GeneratedRegex(@"[\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u200c\u200d\u24b6-\u24e9]+|[^\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u200c\u200d\u24b6-\u24e9\s]+", RegexOptions.CultureInvariant)]
    public static partial Regex Words();

    [GeneratedRegex(@"\S+", RegexOptions.CultureInvariant)]
    public static partial Regex NotSpace();

    [GeneratedRegex(@"\p{N}+", RegexOptions.CultureInvariant)]
    public static partial Regex Numbers();

    [GeneratedRegex(@"\p{N}", RegexOptions.CultureInvariant)]
    public static partial Regex Digits();

    [GeneratedRegex(" {2,}", RegexOptions.CultureInvariant)]
    private static partial Regex Spaces();

    [GeneratedRegex(@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Llama3();

    [GeneratedRegex(@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Qwen2();
}
