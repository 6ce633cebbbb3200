using ZipLM.Engine.Data;

namespace ZipLM.Engine.Distillation;

/// <summary>How much of a step one part of its batch is, so that the parts' losses sum up to the mean over the whole; each 0–1.</summary>
/// <param name="Rows">Share of the sequences.</param>
/// <param name="Tokens">Share of the tokens.</param>
/// <param name="Targets">Share of what is to be answered: of a language model the tokens to tell, else the sequences.</param>
internal readonly record struct PartShare(double Rows, double Tokens, double Targets)
{
    public static PartShare Whole { get; } = new(1, 1, 1);

    /// <summary>The share of each part.</summary>
    public static IReadOnlyList<PartShare> Of(IReadOnlyList<PaddedRows> parts)
    {
        if (parts.Count == 1)
        {
            return [Whole];
        }

        var targets = parts.Select(p => p.TargetCount).ToList();
        return [.. parts.Select((p, i) => new PartShare(
            (double)p.Count / parts.Sum(o => o.Count), (double)p.TokenCount / parts.Sum(o => o.TokenCount), (double)targets[i] / Math.Max(targets.Sum(), 1)))];
    }
}
