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
    Transformer weights, Transformer dense, PruningStore store, PlanChoices choices, LatencyTable table, ForwardTimer timer, int rounds, IReporter reporter)
{
    private const int MostCorrections = 5;

    /// <summary>How far above its target a measured speedup may lie before accuracy is bought back with a slower plan.</summary>
    private const double Tolerance = 0.05;

    /// <summary>The shrunk model that keeps the target's promise with the most accuracy; the caller owns its weights.</summary>
    public Candidate Find(double target, CancellationToken cancellationToken)
    {
        Candidate? best = null;
        var tried = new HashSet<string>();
        var budget = table.DenseMilliseconds / target;
        for (var corrections = 0; corrections <= MostCorrections; corrections++)
        {
            var plan = choices.Solve(budget);
            if (plan is null || !tried.Add(string.Join(' ', plan.Layers)))
            {
                break;
            }

            var candidate = Verify(plan, corrections, cancellationToken);
            if (best is null || candidate.IsBetterThan(best, target))
            {
                best?.Shrunk.Dispose();
                best = candidate;
            }
            else
            {
                candidate.Shrunk.Dispose();
            }

            var measured = candidate.Measured.Ratio;
            if (measured >= target && measured <= target * (1 + Tolerance))
            {
                break;
            }

            // The prediction was off by measured ÷ predicted; the next aim is the middle of what is accepted.
            budget = plan.PredictedMilliseconds * measured / (target * (1 + (Tolerance / 2)));
        }

        if (best!.Measured.Ratio < target)
        {
            reporter.Warning(string.Create(CultureInfo.InvariantCulture,
                $"The measured speedup is {best.Measured}, below the target of {target}×: no plan on the grid of levels measured faster."));
        }

        return best;
    }

    private Candidate Verify(Plan plan, int corrections, CancellationToken cancellationToken)
    {
        var shrunk = Shrinker.Shrink(weights, store, plan.Layers);
        try
        {
            var measured = timer.Compare(dense, shrunk, rounds, cancellationToken);
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
