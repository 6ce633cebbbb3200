namespace ZipLM.Engine.Compression;

/// <summary>Coefficients by trying: how much the loss changes for each unit of cost when one sublayer alone changes.</summary>
internal static class Sensitivity
{
    /// <summary>How far each sublayer's cost is moved: by little it tells of noise, by much of another plan.</summary>
    private const double Step = 0.3;

    /// <summary>The least coefficient, as a share of the largest: a sublayer that seems to cost nothing costs little.</summary>
    private const double Least = 0.01;

    /// <summary>Coefficients around a choice of levels.</summary>
    /// <param name="loss">Mean loss of a choice on some rows, always the same.</param>
    public static IReadOnlyList<double> Around(IReadOnlyList<int> choice, PlanChoices choices, Func<IReadOnlyList<int>, double> loss)
    {
        var whole = loss(choice);
        var slopes = choice.Select((level, s) =>
        {
            var cost = choices.Cost(s, level);
            if (choices.Other(s, level, cost > 1 - Step ? cost - Step : cost + Step) is not { } other)
            {
                return double.NaN;
            }

            int[] changed = [.. choice];
            changed[s] = other;
            return (loss(changed) - whole) / (choices.Cost(s, other) - cost);
        }).ToList();
        var largest = slopes.Where(double.IsFinite).DefaultIfEmpty(1).Max();
        return largest > 0
            ? [.. slopes.Select(slope => slope > Least * largest ? slope / largest : Least)]
            : [.. slopes.Select(_ => 1.0)];
    }
}
