namespace ZipLM.Engine.Compression;

/// <summary>Coefficients by trying: how much the loss changes for each unit of cost when one sublayer alone changes.</summary>
internal static class Sensitivity
{
    /// <summary>How far each sublayer's cost is moved: by little it tells of noise, by much of another plan.</summary>
    private const double Step = 0.3;

    /// <summary>The least coefficient, as a share of the largest: a sublayer that seems to cost nothing costs little.</summary>
    private const double Least = 0.01;

    /// <summary>Coefficients around a choice of levels.</summary>
    /// <param name="losses">Mean losses of choices on some rows, always the same.</param>
    public static IReadOnlyList<double> Around(
        IReadOnlyList<int> choice, PlanChoices choices, Func<IReadOnlyList<IReadOnlyList<int>>, IReadOnlyList<double>> losses)
    {
        var changed = choice.Select((_, s) => Changed(choice, s, choices)).ToList();
        var tried = new Queue<double>(losses([choice, .. changed.OfType<int[]>()]));
        var whole = tried.Dequeue();
        var slopes = changed.Select((other, s) => other is null
            ? double.NaN
            : (tried.Dequeue() - whole) / (choices.Cost(s, other[s]) - choices.Cost(s, choice[s]))).ToList();
        var largest = slopes.Where(double.IsFinite).DefaultIfEmpty(1).Max();
        return largest > 0
            ? [.. slopes.Select(slope => slope > Least * largest ? slope / largest : Least)]
            : [.. slopes.Select(_ => 1.0)];
    }

    /// <summary>The choice with another level of one sublayer; null where there is no other.</summary>
    private static int[]? Changed(IReadOnlyList<int> choice, int sublayer, PlanChoices choices)
    {
        var cost = choices.Cost(sublayer, choice[sublayer]);
        if (choices.Other(sublayer, choice[sublayer], cost > 1 - Step ? cost - Step : cost + Step) is not { } other)
        {
            return null;
        }

        int[] changed = [.. choice];
        changed[sublayer] = other;
        return changed;
    }
}
