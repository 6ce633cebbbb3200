using System.Text.RegularExpressions;

namespace ZipLM.Engine.Data;

/// <summary>Disturbs the texts of a data set: each word with the same chance, by a seed. The space between words stays as it is.</summary>
internal static partial class Perturbing
{
    /// <summary>The same rows with disturbed texts. Where there are answers, the questions alone: answers stand in their contexts.</summary>
    /// <param name="rate">The chance of each word, 0–1.</param>
    /// <param name="seed">The same seed disturbs the same words.</param>
    public static TextDataset Apply(TextDataset data, Perturbation perturbation, double rate, int seed)
    {
        var random = new Random(unchecked((seed * 1_000_003) + (int)perturbation));
        return new(data.Name, [.. data.Examples.Select(e => e with
        {
            Text = Text(e.Text, perturbation, rate, random),
            TextPair = e.TextPair is { } pair && e.Answers is null ? Text(pair, perturbation, rate, random) : e.TextPair,
        })], data.Labels, data.Reference);
    }

    private static string Text(string text, Perturbation perturbation, double rate, Random random)
    {
        // Words stand at the odd places.
        var parts = Words().Split(text);
        for (var i = 1; i < parts.Length; i += 2)
        {
            if (random.NextDouble() >= rate)
            {
                continue;
            }

            switch (perturbation)
            {
                case Perturbation.Typo:
                    parts[i] = Typo(parts[i], random);
                    break;
                case Perturbation.Case:
                    parts[i] = parts[i].ToUpperInvariant() is var upper && upper != parts[i] ? upper : parts[i].ToLowerInvariant();
                    break;
                case Perturbation.WordSwap when i + 2 < parts.Length:
                    (parts[i], parts[i + 2]) = (parts[i + 2], parts[i]);
                    // Both have moved now.
                    i += 2;
                    break;
            }
        }

        return string.Concat(parts);
    }

    private static string Typo(string word, Random random)
    {
        var at = random.Next(word.Length);
        // Half of a surrogate pair is no letter.
        if (word.Any(char.IsSurrogate))
        {
            return word;
        }

        return random.Next(4) switch
        {
            0 => word.Insert(at, word[at].ToString()),
            1 when word.Length > 1 => word.Remove(at, 1),
            2 when at + 1 < word.Length => string.Concat(word.AsSpan(0, at), [word[at + 1], word[at]], word.AsSpan(at + 2)),
            _ => string.Concat(word.AsSpan(0, at), [(char)('a' + random.Next(26))], word.AsSpan(at + 1)),
        };
    }

    [GeneratedRegex(@"(\S+)")]
    private static partial Regex Words();
}
