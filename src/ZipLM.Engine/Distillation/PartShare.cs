using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Distillation;

/// <summary>How much of a step one part of its batch is, so that the parts' losses sum up to the mean over the whole; each 0–1.</summary>
/// <param name="Rows">Share of the sequences.</param>
/// <param name="Tokens">Share of the tokens.</param>
/// <param name="Targets">Share of what is to be answered: of a language model the tokens to tell, else the sequences.</param>
internal readonly record struct PartShare(double Rows, double Tokens, double Targets)
{
    public static PartShare Whole { get; } = new(1, 1, 1);

    /// <summary>The share of each part.</summary>
    public static IReadOnlyList<PartShare> Of(IReadOnlyList<Batch> parts)
    {
        if (parts.Count == 1)
        {
            return [Whole];
        }

        var targets = parts.Select(CountOf).ToList();
        return [.. parts.Select((p, i) => new PartShare(
            (double)p.Rows.Count / parts.Sum(o => o.Rows.Count), (double)p.TokenCount / parts.Sum(o => o.TokenCount), targets[i] / Math.Max(targets.Sum(), 1)))];
    }

    private static double CountOf(Batch part)
    {
        if (part.Task is not (ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling))
        {
            return part.Rows.Count;
        }

        using var told = part.Targets!.DiffersFrom(TaskTargets.None);
        using var count = told.sum();
        return count.item<long>();
    }
}
