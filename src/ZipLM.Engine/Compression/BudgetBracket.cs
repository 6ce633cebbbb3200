namespace ZipLM.Engine.Compression;

/// <summary>
/// What measured plans tell about the budget that a target takes: the slowest plan that is fast enough and, above it, the
/// fastest that is too slow enclose it. A plan's place is its predicted time, which is what a budget limits.
/// </summary>
/// <param name="aim">What is aimed at, as a share of the target.</param>
/// <param name="least">What is fast enough, as a share of the target.</param>
/// <param name="fastestMilliseconds">Predicted time of the fastest plan there is.</param>
internal sealed class BudgetBracket(double aim, double least, double fastestMilliseconds)
{
    /// <summary>So many halves of the bracket are tried before it counts as empty.</summary>
    private const int MostHalves = 6;

    /// <summary>How much further each step goes where nothing too slow is known, and until where: further off no prediction is.</summary>
    private const double Step = 0.97;
    private const double FarthestStep = 0.85;

    private readonly List<(double Predicted, double Attained)> _plans = [];

    /// <summary>Whether no plan was fast enough yet.</summary>
    public bool NoneIsFastEnough => _plans.TrueForAll(p => p.Attained < least);

    /// <summary>Adds a plan that was measured.</summary>
    /// <param name="predicted">Its predicted time, in ms.</param>
    /// <param name="attained">What was measured as a share of the target.</param>
    public void Add(double predicted, double attained) => _plans.Add((predicted, attained));

    /// <summary>Budgets in ms, one after the other until one brings a plan that was not measured yet.</summary>
    public IEnumerable<double> Budgets()
    {
        if (NoneIsFastEnough)
        {
            var slow = _plans.MinBy(p => p.Predicted);
            return Faster(slow.Predicted * slow.Attained / aim);
        }

        var fast = _plans.Where(p => p.Attained >= least).MaxBy(p => p.Predicted);
        var above = _plans.Where(p => p.Predicted > fast.Predicted).ToList();
        return above.Count == 0 ? Slower(fast.Predicted * fast.Attained) : Between(fast, above.MinBy(p => p.Predicted));
    }

    /// <summary>The prediction was off by measured ÷ predicted. Before giving up, the fastest plan is tried.</summary>
    private IEnumerable<double> Faster(double budget)
    {
        // Room for rounding: the fastest plan must fit into its own time.
        var fastest = fastestMilliseconds * (1 + 1e-9);
        return [Math.Max(budget, fastest), fastest];
    }

    /// <summary>The same with plans that are faster than need be; on a coarse grid the next one lies further off.</summary>
    /// <param name="exact">What would meet the target by the ratio of measured to predicted.</param>
    private IEnumerable<double> Slower(double exact)
    {
        yield return exact / aim;
        for (var share = least; share > FarthestStep; share *= Step)
        {
            yield return exact / share;
        }
    }

    /// <summary>Where a straight line between both times meets the aim, then halves: what comes back is not above the budget, so the slower half is left.</summary>
    private IEnumerable<double> Between((double Predicted, double Attained) fast, (double Predicted, double Attained) slow)
    {
        var share = ((1 / aim) - (1 / fast.Attained)) / ((1 / slow.Attained) - (1 / fast.Attained));
        var budget = fast.Predicted + (Math.Clamp(share, 0, 1) * (slow.Predicted - fast.Predicted));
        yield return budget;
        for (var half = 0; half < MostHalves; half++)
        {
            budget = (budget + slow.Predicted) / 2;
            yield return budget;
        }
    }
}
