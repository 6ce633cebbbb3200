using System.Globalization;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Compression;

/// <summary>
/// The guarantee (ZipLM.md section 4): shrink the plan's model, measure it in turns with the dense model in the runtime that
/// the target is for, and while it misses the target correct the budget and solve again.
/// </summary>
/// <param name="dense">The dense model, ready to run.</param>
/// <param name="rounds">Paired rounds; null = at least 60, and until the speedup is known within 1 %.</param>
/// <param name="correct">Whether a plan that misses its target is replaced; otherwise it hangs on the table alone.</param>
internal sealed class VerifiedSearch(
    Transformer weights, ForwardPass dense, PruningStore store, PlanSearch search, LatencyTable table, ForwardTimer timer, int? rounds, bool correct,
    IReporter reporter)
{
    /// <summary>The shrunk model that keeps the target's promise with the most accuracy; the caller owns its weights.</summary>
    /// <param name="target">A speedup, a time or a throughput that a plan is predicted to reach.</param>
    public Candidate Find(PruningTarget target, CancellationToken cancellationToken)
    {
        var budget = TargetBudget.Milliseconds(target, table);
        if (!correct)
        {
            return Certain(Verify(search.Find(budget, cancellationToken)!, target, 0, cancellationToken));
        }

        var loop = new BudgetCorrection<Candidate>(
            milliseconds => search.Find(milliseconds, cancellationToken), milliseconds => search.Correct(milliseconds, cancellationToken),
            search.FastestMilliseconds, cancellationToken);
        var best = loop.Run(budget, (plan, corrections) => Verify(plan, target, corrections, cancellationToken) with { Losses = search.LossesOf(plan) });
        if (best.Attained < 1)
        {
            var cause = loop.IsExhausted
                ? "no faster plan is left on the grid of levels. Use a smaller target."
                : $"{best.Corrections} corrections did not bring it there. The latency table may be of a busy moment: measure it again, or ask for a little more.";
            reporter.Warning(string.Create(CultureInfo.InvariantCulture,
                $"The measured speedup is {best.Measured}, {best.Measured.Milliseconds:0.###} ms, and so below the target, {target}: {cause}"));
        }

        return Certain(best);
    }

    private Candidate Certain(Candidate found)
    {
        RoundPlan.Paired(rounds).WarnIfUncertain("the speedup", found.Measured.Spread, found.Measured.Rounds, reporter);
        return found;
    }

    /// <summary>Makes and measures the model of a plan, whatever comes out.</summary>
    public Candidate Verify(Plan plan, PruningTarget target, int corrections, CancellationToken cancellationToken)
    {
        var shrunk = Shrinker.Shrink(weights, store, plan.Layers, cancellationToken);
        try
        {
            var measured = timer.Compare(dense, shrunk, RoundPlan.Paired(rounds), reporter, cancellationToken);
            reporter.Verbose(string.Create(CultureInfo.InvariantCulture,
                $"Plan {corrections + 1}: predicted {table.DenseMilliseconds / plan.PredictedMilliseconds:0.00}×, measured {measured}, {measured.Milliseconds:0.###} ms."));
            return new(plan, shrunk, measured, TargetBudget.Attained(target, measured, timer.Environment), corrections);
        }
        catch
        {
            shrunk.Dispose();
            throw;
        }
    }

    /// <summary>A plan whose model was measured.</summary>
    internal sealed record Candidate(Plan Plan, Transformer Shrunk, Speedup Measured, double Attained, int Corrections) : BudgetCorrection<Candidate>.ICandidate
    {
        public IReadOnlyList<double> Losses { get; init; } = [];

        public void Dispose() => Shrunk.Dispose();
    }
}
