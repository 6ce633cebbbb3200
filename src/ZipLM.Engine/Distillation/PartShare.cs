using ZipLM.Engine.Data;

namespace ZipLM.Engine.Distillation;

/// <summary>How much of a step one part of its batch is, so that the parts' losses sum up to the mean over the whole.</summary>
/// <param name="Rows">Share of the sequences, 0–1.</param>
/// <param name="Tokens">Share of the tokens, 0–1.</param>
internal readonly record struct PartShare(double Rows, double Tokens)
{
    public static PartShare Whole { get; } = new(1, 1);

    public static PartShare Of(Batch part, IReadOnlyCollection<Batch> all) =>
        new((double)part.Rows.Count / all.Sum(b => b.Rows.Count), (double)part.TokenCount / all.Sum(b => b.TokenCount));
}
