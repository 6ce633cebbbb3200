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
        var targets = options.Targets is { Count: > 0 } given ? given : [.. options.Speedups.Select(s => new PruningTarget(PruningTargetKind.Speedup, s))];
        RequireTargets(targets);
        options.Runtime?.Require();
        Calibration.RequireDamping(options.Dampings ?? []);
        LatencyTableFlow.RequireSameModel(options.Table, own);
        RequireSameModel(options.Saliency, own);
        SameSession.Require(own, options.Dense, "-Dense");
        RequireSameShape(options);
        var orders = RemovalOrder.Of(options);
        foreach (var order in orders.Where(o => o.Rows is not null))
        {
            CompleteRows.Require(order.Rows!, own.Layers);
        }

        own.Session.Run(() =>
        {
            Prune(own, calibrationData, options, targets, orders, write, reporter, cancellationToken);
            return true;
        }, reporter, cancellationToken);
    }

    private static void Prune(
        TransformerModel model, TextDataset? calibrationData, PruningOptions options, IReadOnlyList<PruningTarget> targets, IReadOnlyList<RemovalOrder> orders,
        Action<Model> write, IReporter reporter, CancellationToken cancellationToken)
    {
        using var calibration = new Calibration(model, calibrationData, options.CalibrationSamples, reporter, cancellationToken) { StatisticsPath = options.StatisticsPath };
        var batchSize = options.Table?.Environment.BatchSize ?? options.BatchSize ?? 1;
        var generated = options.Table?.Environment.GeneratedTokens ?? options.GeneratedTokens ?? 0;
        var length = options.Table?.Environment.SequenceLength ?? options.SequenceLength ?? Generation.Prompt(calibration.TypicalLength, generated, model.MaximumSequenceLength);
        using var timer = new ForwardTimer(
            model.Session, model.Description, batchSize, length, options.Runtime ?? (options.Table is { } given ? RuntimeChoice.Of(given.Environment) : null), generated);
        var table = options.Table ?? LatencyFlow.Measure(model, timer, options.Rounds, reporter, cancellationToken);
        RequireSameEnvironment(table, timer.Environment, options.Force, reporter);

        var statistics = calibration.Statistics(reporter, cancellationToken);
        var scores = orders[0].Rows is null ? calibration.Scores(orders[0].Criterion, reporter, cancellationToken) : null;
        using var loss = calibration.Loss(reporter, cancellationToken, options.Dense is null ? null : TransformerModel.Of(options.Dense));
        // Time does not depend on the weights' values, so a model that is pruned already is compared with a random dense one.
        var weights = model.Weights(reporter, cancellationToken);
        var isDense = model.Layers.All(l => l.Heads == model.DenseHeads && l.Width == model.DenseWidth);
        using var randomDense = isDense ? null : RandomModel.Create(model.Description.Dense, model.Session, cancellationToken);
        using var densePass = timer.Load(randomDense ?? weights);
        var based = RecordedBase.Of(model, cancellationToken);
        foreach (var order in orders)
        {
            using var store = order.Rows is { } rows
                ? PruningStore.Restore(weights, statistics, rows, reporter, cancellationToken, calibration.CacheBytes)
                : PruningStore.Build(weights, statistics, order.Damping, reporter, cancellationToken, null, scores, order.Repair, calibration.CacheBytes);
            // Parameters are counted by a table of their own; everything else is time.
            var counts = targets.Any(t => t.Kind == PruningTargetKind.Parameters) ? ParameterTable.Of(model, table) : null;
            var (choices, sizes) = (new PlanChoices(model.Layers, store, table), counts is null ? null : new PlanChoices(model.Layers, store, counts));
            using var planLoss = new PlanLoss(weights, store, loss, calibration.CacheBytes);
            PlanSearch Search(PlanChoices among) => new(among, planLoss, loss, options.SearchTrials, model.Session.Seed, reporter);
            var (search, sizeSearch) = (Search(choices), sizes is null ? null : Search(sizes));
            var verified = new VerifiedSearch(weights, densePass, store, search, table, timer, options.Rounds, options.Correct, reporter);
            foreach (var target in Reachable(targets, t => t.Kind == PruningTargetKind.Parameters
                ? TargetBudget.Refusal(t, counts!, sizes!.FastestMilliseconds)
                : TargetBudget.Refusal(t, table, choices.FastestMilliseconds), reporter))
            {
                var best = target.Kind == PruningTargetKind.Parameters
                    ? verified.Verify(Timed(sizeSearch!.Find(target.Value, cancellationToken)!, table), target, 0, cancellationToken)
                    : verified.Find(target, cancellationToken);
                var speedup = target.Kind == PruningTargetKind.Parameters ? 1 : table.DenseMilliseconds / TargetBudget.Milliseconds(target, table);
                var result = new PruningResult(
                    target.Kind == PruningTargetKind.Speedup ? target.Value : speedup, table.DenseMilliseconds / best.Plan.PredictedMilliseconds, best.Measured,
                    timer.Environment, best.Plan, table.Fingerprint, calibration.Data.Name, calibration.Samples, order.Damping, model.Session.Seed, best.Corrections)
                {
                    Target = target.Kind == PruningTargetKind.Speedup ? null : target,
                    LargestDamping = store.LargestDamping,
                    WorstCondition = store.WorstCondition,
                    Criterion = order.Criterion,
                    Repair = order.Repair,
                    Loss = LossOf(best.Shrunk, loss, cancellationToken),
                    DenseLoss = loss.Dense,
                    LossMeasure = loss.Measure,
                    Search = (target.Kind == PruningTargetKind.Parameters ? sizeSearch! : search).Summary(best.Plan),
                };
                var record = based with { Pruning = result };
                // Several orders make several models of one speedup, which must not have one name.
                var name = $"{model.Name}-{target.Suffix}{order.Suffix(orders)}";
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

    /// <summary>A plan that was found by parameters, with its time.</summary>
    private static Plan Timed(Plan counted, LatencyTable table)
    {
        var milliseconds = table.Predict(counted.Layers);
        return counted with { PredictedMilliseconds = milliseconds, BudgetMilliseconds = milliseconds };
    }

    /// <summary>Refuses targets that no model could have.</summary>
    /// <exception cref="ZipLMException">A speedup is not above 1, or another target not above 0.</exception>
    public static void RequireTargets(IReadOnlyList<PruningTarget> targets)
    {
        ArgumentNullException.ThrowIfNull(targets);
        foreach (var target in targets)
        {
            TargetBudget.Require(target);
        }
    }

    /// <summary>The targets that a plan reaches; the others are reported, and end the work where they are all.</summary>
    private static List<PruningTarget> Reachable(IReadOnlyList<PruningTarget> targets, Func<PruningTarget, ZipLMException?> refusal, IReporter reporter)
    {
        var refused = targets.Select(t => (Target: t, Error: refusal(t))).ToList();
        if (refused.All(r => r.Error is not null) && refused.Count > 0)
        {
            // Reported in their order; the last one ends the work.
            refused.SkipLast(1).ToList().ForEach(r => reporter.Error(r.Error!));
            throw refused[^1].Error!;
        }

        foreach (var (_, error) in refused.Where(r => r.Error is not null))
        {
            reporter.Error(error!);
        }

        return [.. refused.Where(r => r.Error is null).Select(r => r.Target)];
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
        if (options.Table?.Environment is not { } measured)
        {
            return;
        }

        var asked = measured with
        {
            BatchSize = options.BatchSize ?? measured.BatchSize,
            SequenceLength = options.SequenceLength ?? measured.SequenceLength,
            GeneratedTokens = options.GeneratedTokens ?? measured.GeneratedTokens,
        };
        if (asked != measured)
        {
            throw new ZipLMException("LatencyTableShape", ErrorKind.InvalidArgument,
                $"The latency table was measured at {Shape(measured)}, but {Shape(asked)}, is asked for.",
                "Leave -BatchSize, -SequenceLength and -GeneratedTokens out, or measure a table in this shape with Measure-LayerLatency.", options.Table);
        }
    }

    private static string Shape(InferenceEnvironment environment) =>
        $"batch {environment.BatchSize}, length {environment.SequenceLength}, {environment.GeneratedTokens} generated tokens";

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
