using ZipLM.Engine.Search;

namespace ZipLM.Engine.Compression;

/// <summary>
/// The closed loop of the guarantee: a plan whose model misses the target corrects the budget, and the search solves again,
/// a few times at most (<see cref="BudgetBracket"/>). A little more than the target is aimed at, since what is measured again on another
/// day spreads too; much more would cost accuracy for nothing.
/// </summary>
/// <param name="find">The plan for a budget in ms; null when none is fast enough.</param>
/// <param name="correct">The same for a corrected budget.</param>
/// <param name="fastestMilliseconds">Predicted time of the fastest plan there is.</param>
/// <typeparam name="T">A plan's model, measured.</typeparam>
internal sealed class BudgetCorrection<T>(Func<double, Plan?> find, Func<double, Plan?> correct, double fastestMilliseconds, CancellationToken cancellationToken)
    where T : class, BudgetCorrection<T>.ICandidate
{
    public const int MostCorrections = 5;

    /// <summary>What is aimed at, as a share of the target.</summary>
    private const double Aim = 1.02;

    /// <summary>How far from the aim a measured model is taken.</summary>
    private const double Tolerance = 0.015;

    /// <summary>By how many standard errors of the rows' differences a loss is clearly less: less may be chance.</summary>
    private const double Clearly = 2;

    /// <summary>What is known of a plan once its model was measured.</summary>
    public interface ICandidate : IDisposable
    {
        Plan Plan { get; }

        /// <summary>What was measured as a share of the target: 1 keeps the promise.</summary>
        double Attained { get; }

        /// <summary>Its loss on each of the search rows.</summary>
        IReadOnlyList<double> Losses { get; }

        /// <summary>How often the budget was corrected before.</summary>
        int Corrections { get; }
    }

    /// <summary>True when the last run ended because there is no faster plan.</summary>
    public bool IsExhausted { get; private set; }

    /// <summary>The candidate that keeps the target's promise with the most accuracy, or the fastest when none does; the others are disposed.</summary>
    /// <param name="budgetMilliseconds">What the target comes to by the latency table, within reach.</param>
    /// <param name="verify">Makes and measures a plan's model, after so many corrections.</param>
    public T Run(double budgetMilliseconds, Func<Plan, int, T> verify)
    {
        IsExhausted = false;
        var best = verify(find(budgetMilliseconds / Aim) ?? find(budgetMilliseconds)!, 0);
        try
        {
            var tried = new HashSet<string>(StringComparer.Ordinal) { Key(best.Plan) };
            var bracket = new BudgetBracket(Aim, Least, fastestMilliseconds);
            var last = best;
            bracket.Add(last.Plan.PredictedMilliseconds, last.Attained);
            while (last.Corrections < MostCorrections && Math.Abs(last.Attained - Aim) > Tolerance)
            {
                // The grid of levels is coarse: the same plan comes again for many budgets.
                if (bracket.Budgets().Select(Solve).FirstOrDefault(p => p is not null && tried.Add(Key(p))) is not { } plan)
                {
                    IsExhausted = bracket.NoneIsFastEnough;
                    break;
                }

                last = verify(plan, last.Corrections + 1);
                bracket.Add(plan.PredictedMilliseconds, last.Attained);
                var worse = last;
                if (IsBetter(last, best))
                {
                    (best, worse) = (last, best);
                }

                worse.Dispose();
            }

            return best;
        }
        catch
        {
            best.Dispose();
            throw;
        }

        Plan? Solve(double budget)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return correct(budget);
        }

        static string Key(Plan plan) => string.Join(' ', plan.Layers);
    }

    /// <summary>
    /// Fast enough beats too slow. Of the fast enough one with clearly less loss wins: a search may do badly for a corrected
    /// budget. Else the slowest, which gives away the least; of the too slow the fastest.
    /// </summary>
    private static bool IsBetter(T one, T other) => (one.Attained >= Least, other.Attained >= Least) switch
    {
        (true, false) => true,
        (false, true) => false,
        (true, true) when IsClearlyLess(one.Losses, other.Losses) => true,
        (true, true) when IsClearlyLess(other.Losses, one.Losses) => false,
        (true, true) => one.Attained < other.Attained,
        (false, false) => one.Attained > other.Attained,
    };

    private static bool IsClearlyLess(IReadOnlyList<double> losses, IReadOnlyList<double> others) =>
        PairedDifference.Of(losses.Zip(others, (one, other) => one - other).ToArray()) is var difference && difference.Mean < -Clearly * difference.Error;

    /// <summary>What keeps the promise when it is measured again, too.</summary>
    private static double Least => Aim - Tolerance;
}
