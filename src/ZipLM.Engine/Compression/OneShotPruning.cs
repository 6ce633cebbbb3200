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
        // What needs no measurement is refused before any.
        RequireSpeedup(options.Speedup);
        RequireSameModel(options.Table, own);
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
        var first = choices.Solve(table.DenseMilliseconds / options.Speedup) ?? throw Unreachable(choices, table, options.Speedup);

        // Time does not depend on the weights' values, so a model that is pruned already is compared with a random dense one.
        var weights = model.Weights(reporter, cancellationToken);
        var isDense = model.Layers.All(l => l.Heads == model.DenseHeads && l.Width == model.DenseWidth);
        using var randomDense = isDense ? null : RandomModel.Create(
            model.Description with { Layers = [.. model.Layers.Select(l => new LayerShape(l.Layer, model.DenseHeads, model.DenseWidth))] }, model.Session);
        var best = FindVerified(first, weights, randomDense ?? weights, store, choices, table, timer, options, reporter, cancellationToken);

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
        Plan first, Transformer weights, Transformer dense, PruningStore store, PlanChoices choices, LatencyTable table, ForwardTimer timer,
        PruningOptions options, IReporter reporter, CancellationToken cancellationToken)
    {
        var best = Verify(first, 0);
        try
        {
            var tried = new HashSet<string> { Key(first) };
            var last = best;
            while (last.Corrections < MostCorrections && (last.Measured.Ratio < options.Speedup || last.Measured.Ratio > options.Speedup * (1 + Tolerance)))
            {
                // What was predicted for this plan took this much in truth: aim half the tolerance above the target.
                var goal = options.Speedup * (1 + (Tolerance / 2));
                var plan = choices.Solve(last.Plan.PredictedMilliseconds * last.Measured.Ratio / goal);
                if (plan is null || !tried.Add(Key(plan)))
                {
                    break;
                }

                last = Verify(plan, last.Corrections + 1);
                var worse = last;
                if (last.IsBetterThan(best, options.Speedup))
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

        if (best.Measured.Ratio < options.Speedup)
        {
            reporter.Warning(string.Create(CultureInfo.InvariantCulture,
                $"The measured speedup is {best.Measured}, below the target of {options.Speedup}×: no plan on the grid of levels measured faster."));
        }

        return best;

        static string Key(Plan plan) => string.Join(' ', plan.Layers);

        Candidate Verify(Plan plan, int corrections)
        {
            var shrunk = Shrinker.Shrink(weights, store, plan.Layers);
            try
            {
                var measured = timer.Compare(dense, shrunk, options.Rounds, cancellationToken);
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
    }

    private static void RequireSpeedup(double speedup)
    {
        if (!(speedup > 1 && double.IsFinite(speedup)))
        {
            throw new ZipLMException("SpeedupInvalid", ErrorKind.InvalidArgument,
                string.Create(CultureInfo.InvariantCulture, $"A speedup of {speedup} would not make the model faster."), "Give a speedup above 1.", speedup);
        }
    }

    private static ZipLMException Unreachable(PlanChoices choices, LatencyTable table, double speedup)
    {
        var largest = Math.Floor(table.DenseMilliseconds / choices.FastestMilliseconds * 100) / 100;
        return new("SpeedupUnreachable", ErrorKind.InvalidArgument,
            string.Create(CultureInfo.InvariantCulture,
                $"A speedup of {speedup}× cannot be reached, the largest that can is {largest:0.00}×: the fastest plan still takes {choices.FastestMilliseconds:0.###} of {table.DenseMilliseconds:0.###} ms."),
            string.Create(CultureInfo.InvariantCulture, $"Ask for {largest:0.00} or less, or start from a model with fewer layers."), speedup);
    }

    private static void RequireSameModel(LatencyTable? table, TransformerModel model)
    {
        if (table is not null && Dimensions(table.Model) != Dimensions(model))
        {
            throw new ZipLMException("LatencyTableModel", ErrorKind.InvalidOperation,
                $"The latency table {table.Fingerprint} was measured for '{table.Model.Name}', which has other dimensions than '{model.Name}'.",
                "Measure a table for this model with Measure-LayerLatency.", table);
        }

        static (int, int, int, int) Dimensions(Model m) => (m.Layers.Count, m.HiddenSize, m.DenseHeads, m.DenseWidth);
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
