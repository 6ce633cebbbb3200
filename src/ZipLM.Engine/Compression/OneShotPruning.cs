using System.Globalization;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Compression;

/// <summary>
/// Invoke-StructuredPrune: calibrate, order the structures, find the plan that meets the target by measured times,
/// shrink the model physically, and measure it against the dense one.
/// </summary>
public static class OneShotPruning
{
    private const int TableRounds = 50;
    private const int MostCorrections = 5;

    /// <summary>How far above its target a measured speedup may lie before accuracy is bought back with a slower plan.</summary>
    private const double Tolerance = 0.05;

    /// <summary>Prunes a model to a target speedup; the result is a model of its own, not saved.</summary>
    /// <exception cref="ZipLMException">The target cannot be reached (the message names the largest that can), or there is no calibration data.</exception>
    public static Model Run(Model model, TextDataset? calibrationData, PruningOptions options, IReporter reporter, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var own = TransformerModel.Of(model);
        return own.Session.Run(() => Prune(own, calibrationData, options, reporter, cancellationToken), reporter, cancellationToken);
    }

    private static TransformerModel Prune(
        TransformerModel model, TextDataset? calibrationData, PruningOptions options, IReporter reporter, CancellationToken cancellationToken)
    {
        var calibration = new Calibration(model, calibrationData, options.CalibrationSamples, reporter);
        var batchSize = options.Table?.Environment.BatchSize ?? options.BatchSize;
        var length = options.Table?.Environment.SequenceLength ?? options.SequenceLength ?? calibration.TypicalLength;
        using var timer = new ForwardTimer(model.Session, model.Description, batchSize, length);
        var table = options.Table ?? LatencyFlow.Measure(model, batchSize, length, TableRounds, reporter, cancellationToken);
        RequireSameEnvironment(table, timer.Environment, options.Force, reporter);

        using var store = calibration.Order(options.Damping, reporter, cancellationToken);
        var choices = new PlanChoices(model.Layers, store, table);
        RequireReachable(choices, table, options.Speedup);

        // Time does not depend on the weights' values, so a model that is pruned already is compared with a random dense one.
        var weights = model.Weights(reporter, cancellationToken);
        var isDense = model.Layers.All(l => l.Heads == model.DenseHeads && l.Width == model.DenseWidth);
        using var randomDense = isDense ? null : RandomModel.Create(
            model.Description with { Layers = [.. model.Layers.Select(l => new LayerShape(l.Layer, model.DenseHeads, model.DenseWidth))] }, model.Session);
        var best = FindVerified(weights, randomDense ?? weights, store, choices, table, timer, options, reporter, cancellationToken);

        var result = new PruningResult(
            options.Speedup, table.DenseMilliseconds / best.Plan.PredictedMilliseconds, best.Measured, timer.Environment, best.Plan,
            table.Fingerprint, calibration.Data.Name, calibration.Samples, options.Damping, model.Session.Seed, best.Corrections);
        var record = model.Record with { BaseModel = model.Record.BaseModel ?? model.Path, Pruning = result };
        var name = string.Create(CultureInfo.InvariantCulture, $"{model.Name}-{options.Speedup:0.##}x");
        return TransformerModel.FromWeights(model.Session, name, model.Description, record, best.Shrunk, model.Tokenizer);
    }

    /// <summary>
    /// The guarantee (ZipLM.md section 4): shrink, measure in turns with the dense model, and while the measured speedup
    /// misses the target correct the budget by the ratio and solve again.
    /// </summary>
    private static Candidate FindVerified(
        Transformer weights, Transformer dense, PruningStore store, PlanChoices choices, LatencyTable table, ForwardTimer timer,
        PruningOptions options, IReporter reporter, CancellationToken cancellationToken)
    {
        Candidate? best = null;
        var tried = new HashSet<string>();
        var budget = table.DenseMilliseconds / options.Speedup;
        for (var corrections = 0; corrections <= MostCorrections; corrections++)
        {
            var plan = choices.Solve(budget);
            if (plan is null || !tried.Add(string.Join(' ', plan.Layers)))
            {
                break;
            }

            var shrunk = Shrinker.Shrink(weights, store, plan.Layers);
            var measured = timer.Compare(dense, shrunk, options.Rounds, cancellationToken);
            reporter.Verbose(string.Create(CultureInfo.InvariantCulture,
                $"Plan {corrections + 1}: predicted {table.DenseMilliseconds / plan.PredictedMilliseconds:0.00}×, measured {measured}."));
            var candidate = new Candidate(plan, shrunk, measured, corrections);
            if (best is null || candidate.IsBetterThan(best, options.Speedup))
            {
                best?.Shrunk.Dispose();
                best = candidate;
            }
            else
            {
                shrunk.Dispose();
            }

            if (measured.Ratio >= options.Speedup && measured.Ratio <= options.Speedup * (1 + Tolerance))
            {
                break;
            }

            // What was predicted for this plan took this much in truth: aim half the tolerance above the target.
            var goal = options.Speedup * (1 + (Tolerance / 2));
            budget = plan.PredictedMilliseconds * measured.Ratio / goal;
        }

        if (best!.Measured.Ratio < options.Speedup)
        {
            reporter.Warning(string.Create(CultureInfo.InvariantCulture,
                $"The measured speedup is {best.Measured}, below the target of {options.Speedup}×: no plan on the grid of levels measured faster."));
        }

        return best;
    }

    private static void RequireReachable(PlanChoices choices, LatencyTable table, double speedup)
    {
        if (speedup <= 1)
        {
            throw new ZipLMException("SpeedupInvalid", ErrorKind.InvalidArgument,
                string.Create(CultureInfo.InvariantCulture, $"A speedup of {speedup} would not make the model faster."), "Give a speedup above 1.", speedup);
        }

        var largest = table.DenseMilliseconds / choices.FastestMilliseconds;
        if (largest < speedup)
        {
            throw new ZipLMException("SpeedupUnreachable", ErrorKind.InvalidArgument,
                string.Create(CultureInfo.InvariantCulture,
                    $"A speedup of {speedup}× cannot be reached: with every sublayer dropped the model takes {choices.FastestMilliseconds:0.###} of {table.DenseMilliseconds:0.###} ms."),
                string.Create(CultureInfo.InvariantCulture, $"The largest speedup that can be reached here is {Math.Floor(largest * 100) / 100:0.00}×."), speedup);
        }
    }

    private static void RequireSameEnvironment(LatencyTable table, InferenceEnvironment environment, bool force, IReporter reporter)
    {
        if (table.Environment == environment)
        {
            return;
        }

        var message = $"The latency table {table.Environment.Fingerprint} was measured on {table.Environment}, but this is {environment.Fingerprint}: {environment}.";
        if (!force)
        {
            throw new ZipLMException("LatencyTableEnvironment", ErrorKind.InvalidOperation, message,
                "Measure a table here with Measure-LayerLatency, or use -Force to trust this one.", table);
        }

        reporter.Warning(message);
    }

    private sealed record Candidate(Plan Plan, Transformer Shrunk, Speedup Measured, int Corrections)
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
