using System.Globalization;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Compression;

/// <summary>
/// The guarantee (ZipLM.md section 4): shrink the plan's model, measure it in turns with the dense model, and while the
/// measured speedup misses the target correct the budget by the ratio and solve again.
/// </summary>
internal sealed class VerifiedSearch(
    Transformer weights, Transformer dense, PruningStore store, PlanChoices choices, LatencyTable table, ForwardTimer timer, int rounds, bool correct, IReporter reporter)
{
    private const int MostCorrections = 5;

    /// <summary>How far above its target a measured speedup may lie before accuracy is bought back with a slower plan.</summary>
    private const double Tolerance = 0.05;

    /// <summary>By how much a budget shrinks when it brings a plan that was too slow once more.</summary>
    private const double RepeatStep = 0.99;

    /// <summary>The shrunk model that keeps the target's promise with the most accuracy; the caller owns its weights.</summary>
    /// <param name="target">A speedup that a plan is predicted to reach.</param>
    public Candidate Find(double target, CancellationToken cancellationToken)
    {
        var exhausted = false;
        var best = Verify(choices.Solve(table.DenseMilliseconds / target)!, 0, cancellationToken);
        if (!correct)
        {
            return best;
        }

        try
        {
            var tried = new HashSet<string> { Key(best.Plan) };
            var last = best;
            while (last.Corrections < MostCorrections && (last.Measured.Ratio < target || last.Measured.Ratio > target * (1 + Tolerance)))
            {
                // The prediction was off by measured ÷ predicted; the next aim is the middle of what is accepted.
                var next = choices.Solve(last.Plan.PredictedMilliseconds * last.Measured.Ratio / (target * (1 + (Tolerance / 2))));
                while (last.Measured.Ratio < target && next is not null && tried.Contains(Key(next)))
                {
                    // The grid of levels is coarse: a plan that was too slow comes again until the budget is too small for it.
                    cancellationToken.ThrowIfCancellationRequested();
                    next = choices.Solve(next.BudgetMilliseconds * RepeatStep);
                }

                exhausted = next is null;
                if (next is not { } plan || !tried.Add(Key(plan)))
                {
                    break;
                }

                last = Verify(plan, last.Corrections + 1, cancellationToken);
                var worse = last;
                if (last.IsBetterThan(best, target))
                {
                    (best, worse) = (last, best);
                }

                worse.Shrunk.Dispose();
            }
        }
        catch
        {
            best.Shrunk.Dispose();
            throw;
        }

        if (best.Measured.Ratio < target)
        {
            var cause = exhausted
                ? "no faster plan is left on the grid of levels. Use a smaller target."
                : $"{MostCorrections} corrections did not bring it there. The latency table may be of a busy moment: measure it again, or ask for a little more.";
            reporter.Warning(string.Create(CultureInfo.InvariantCulture,
                $"The measured speedup is {best.Measured}, below the target of {target}×: {cause}"));
        }

        return best;

        static string Key(Plan plan) => string.Join(' ', plan.Layers);
    }

    private Candidate Verify(Plan plan, int corrections, CancellationToken cancellationToken)
    {
        var shrunk = Shrinker.Shrink(weights, store, plan.Layers, cancellationToken);
        try
        {
            var measured = timer.Compare(dense, shrunk, rounds, reporter, cancellationToken);
            reporter.Verbose(string.Create(CultureInfo.InvariantCulture,
                $"Plan {corrections + 1}: predicted {table.DenseMilliseconds / plan.PredictedMilliseconds:0.00}×, measured {measured}."));
            return new(plan, shrunk, measured, corrections);
        }
        catch
        {
            shrunk.Dispose();
            throw;
        }
    }

    /// <summary>A plan whose model was measured.</summary>
    internal sealed record Candidate(Plan Plan, Transformer Shrunk, Speedup Measured, int Corrections)
    {
        /// <summary>Fast enough beats too slow; among the fast enough the slowest is the most accurate, else the fastest.</summary>
        public bool IsBetterThan(Candidate other, double target) => (Measured.Ratio >= target, other.Measured.Ratio >= target) switch
        {
            (true, false) => true,
            (false, true) => false,
            (true, true) => Measured.Ratio < other.Measured.Ratio,
            (false, false) => Measured.Ratio > other.Measured.Ratio,
        };
    }
}
