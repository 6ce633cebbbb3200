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

    /// <summary>Prunes a model to each target; every result is a model of its own, not saved.</summary>
    /// <param name="write">Receives each model as soon as it is ready; called on the session's worker thread.</param>
    /// <param name="reporter">Hears of each target that cannot be reached while others can; the message names the largest that can.</param>
    /// <exception cref="ZipLMException">No target can be reached, or there is no calibration data.</exception>
    public static void Run(
        Model model, TextDataset? calibrationData, PruningOptions options, Action<Model> write, IReporter reporter, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var own = TransformerModel.Of(model);
        // What needs no measurement is refused before any.
        RequireSpeedups(options.Speedups);
        Calibration.RequireDamping(options.Dampings ?? []);
        RequireSameModel(options.Table, own);
        RequireSameModel(options.Saliency, own);
        RequireSameShape(options);
        var orders = RemovalOrder.Of(options);
        own.Session.Run(() =>
        {
            Prune(own, calibrationData, options, orders, write, reporter, cancellationToken);
            return true;
        }, reporter, cancellationToken);
    }

    private static void Prune(
        TransformerModel model, TextDataset? calibrationData, PruningOptions options, IReadOnlyList<RemovalOrder> orders, Action<Model> write,
        IReporter reporter, CancellationToken cancellationToken)
    {
        using var calibration = new Calibration(model, calibrationData, options.CalibrationSamples, reporter, cancellationToken) { StatisticsPath = options.StatisticsPath };
        var batchSize = options.Table?.Environment.BatchSize ?? options.BatchSize ?? 1;
        var length = options.Table?.Environment.SequenceLength ?? options.SequenceLength ?? calibration.TypicalLength;
        using var timer = new ForwardTimer(model.Session, model.Description, batchSize, length);
        var table = options.Table ?? LatencyFlow.Measure(model, batchSize, length, TableRounds, reporter, cancellationToken);
        RequireSameEnvironment(table, timer.Environment, options.Force, reporter);

        var statistics = calibration.Statistics(reporter, cancellationToken);
        var scores = orders[0].Rows is null ? calibration.Scores(orders[0].Criterion, reporter, cancellationToken) : null;
        using var loss = calibration.Loss(reporter, cancellationToken);
        // Time does not depend on the weights' values, so a model that is pruned already is compared with a random dense one.
        var weights = model.Weights(reporter, cancellationToken);
        var isDense = model.Layers.All(l => l.Heads == model.DenseHeads && l.Width == model.DenseWidth);
        using var randomDense = isDense ? null : RandomModel.Create(model.Description.Dense, model.Session, cancellationToken);
        var based = RecordedBase.Of(model, cancellationToken);
        foreach (var order in orders)
        {
            using var store = order.Rows is { } rows
                ? PruningStore.Restore(weights, statistics, rows, reporter, cancellationToken, calibration.CacheBytes)
                : PruningStore.Build(weights, statistics, order.Damping, reporter, cancellationToken, null, scores, order.Repair, calibration.CacheBytes);
            var choices = new PlanChoices(model.Layers, store, table);
            var reachable = Reachable(choices, table, options.Speedups, reporter);
            var search = new VerifiedSearch(weights, randomDense ?? weights, store, choices, table, timer, options.Rounds, options.Correct, reporter);
            foreach (var speedup in reachable)
            {
                var best = search.Find(speedup, cancellationToken);
                var result = new PruningResult(
                    speedup, table.DenseMilliseconds / best.Plan.PredictedMilliseconds, best.Measured, timer.Environment, best.Plan,
                    table.Fingerprint, calibration.Data.Name, calibration.Samples, order.Damping, model.Session.Seed, best.Corrections)
                {
                    LargestDamping = store.LargestDamping,
                    WorstCondition = store.WorstCondition,
                    Criterion = order.Criterion,
                    Repair = order.Repair,
                    Loss = LossOf(best.Shrunk, loss, cancellationToken),
                    DenseLoss = loss.Dense,
                    LossMeasure = loss.Measure,
                };
                var record = based with { Pruning = result };
                // Several orders make several models of one speedup, which must not have one name.
                var name = string.Create(CultureInfo.InvariantCulture, $"{model.Name}-{speedup:0.##########}x{order.Suffix(orders)}");
                write(TransformerModel.FromWeights(model.Session, name, model.Description, record, best.Shrunk, model.Tokenizer));
            }
        }
    }

    private static double LossOf(Transformer shrunk, SearchLoss loss, CancellationToken cancellationToken)
    {
        try
        {
            return loss.Of(shrunk, cancellationToken);
        }
        catch
        {
            shrunk.Dispose();
            throw;
        }
    }

    /// <summary>Refuses targets that no model could have.</summary>
    /// <exception cref="ZipLMException">A target is not above 1, or not finite.</exception>
    public static void RequireSpeedups(IReadOnlyList<double> speedups)
    {
        ArgumentNullException.ThrowIfNull(speedups);
        foreach (var speedup in speedups.Where(s => !(s > 1 && double.IsFinite(s))))
        {
            throw new ZipLMException("SpeedupInvalid", ErrorKind.InvalidArgument,
                string.Create(CultureInfo.InvariantCulture, $"A speedup of {speedup} would not make the model faster."), "Give a speedup above 1.", speedup);
        }
    }

    /// <summary>The targets that a plan reaches; the others are reported, and end the work where they are all.</summary>
    private static List<double> Reachable(PlanChoices choices, LatencyTable table, IReadOnlyList<double> speedups, IReporter reporter)
    {
        var isReachable = speedups.ToLookup(speedup => choices.Solve(table.DenseMilliseconds / speedup) is not null);
        var unreachable = isReachable[false].ToList();
        for (var i = 0; i < unreachable.Count; i++)
        {
            var error = Unreachable(choices, table, unreachable[i]);
            if (i == speedups.Count - 1)
            {
                throw error;
            }

            reporter.Error(error);
        }

        return [.. isReachable[true]];
    }

    private static ZipLMException Unreachable(PlanChoices choices, LatencyTable table, double speedup)
    {
        var largest = Math.Floor(table.DenseMilliseconds / choices.FastestMilliseconds * 100) / 100;
        return new(
            "SpeedupUnreachable", ErrorKind.InvalidArgument,
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

    /// <summary>Rows are true for the weights that they were taken from, so dimensions alone do not make a model the same.</summary>
    private static void RequireSameModel(IReadOnlyList<StructureSaliency>? rows, TransformerModel model)
    {
        if (rows?.FirstOrDefault(r => !ReferenceEquals(r.Model, model) && (model.Path is null || r.Model?.Path != model.Path)) is { } foreign)
        {
            throw new ZipLMException("SaliencyModel", ErrorKind.InvalidOperation,
                $"There are saliency rows of '{foreign.Model?.Name}', but the model to prune is '{model.Name}'.",
                "Pass the rows that Get-StructureSaliency gives for this model.", foreign);
        }
    }

    /// <summary>A table fixes the shape that time is measured in; another one cannot be asked for beside it.</summary>
    private static void RequireSameShape(PruningOptions options)
    {
        if (options.Table?.Environment is { } measured
            && ((options.BatchSize ?? measured.BatchSize) != measured.BatchSize || (options.SequenceLength ?? measured.SequenceLength) != measured.SequenceLength))
        {
            throw new ZipLMException("LatencyTableShape", ErrorKind.InvalidArgument,
                $"The latency table was measured at batch {measured.BatchSize}, length {measured.SequenceLength}, but batch {options.BatchSize ?? measured.BatchSize}, length {options.SequenceLength ?? measured.SequenceLength}, is asked for.",
                "Leave -BatchSize and -SequenceLength out, or measure a table in this shape with Measure-LayerLatency.", options.Table);
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
}
