using System.Text.RegularExpressions;

namespace ZipLM.Engine.Evaluation;

/// <summary>SQuAD's scores of one answer, 0–1, as its official script for v1.1 has them: the best over the true answers.</summary>
internal static partial class SquadScore
{
    /// <summary>1 when the answer is a true one, once both are normalised.</summary>
    public static double ExactMatch(string answer, IEnumerable<string> truths) => truths.Any(truth => Normalize(truth) == Normalize(answer)) ? 1 : 0;

    /// <summary>Harmonic mean of precision and recall of the words.</summary>
    public static double F1(string answer, IEnumerable<string> truths) => truths.Max(truth => F1(Words(answer), Words(truth)));

    /// <summary>Lower case, without ASCII punctuation, without articles, single spaces between the words.</summary>
    public static string Normalize(string text)
    {
        var plain = string.Concat(text.ToLowerInvariant().Where(c => !char.IsAscii(c) || !(char.IsPunctuation(c) || char.IsSymbol(c))));
        return string.Join(' ', Articles().Replace(plain, " ").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    private static string[] Words(string text) => Normalize(text).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static double F1(string[] answer, string[] truth)
    {
        var left = truth.CountBy(word => word).ToDictionary();
        var common = answer.CountBy(word => word).Sum(word => Math.Min(word.Value, left.GetValueOrDefault(word.Key)));
        return common == 0 ? 0 : 2.0 * common / (answer.Length + truth.Length);
    }

    [GeneratedRegex(@"\b(a|an|the)\b", RegexOptions.CultureInvariant)]
    private static partial Regex Articles();
}
