using System.Globalization;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;

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
    /// <exception cref="ZipLMException">A target cannot be reached (the message names the largest that can), or there is no calibration data.</exception>
    public static void Run(
        Model model, TextDataset? calibrationData, PruningOptions options, Action<Model> write, IReporter reporter, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Speedups.FirstOrDefault(s => !(s > 1), double.NaN) is var low && !double.IsNaN(low))
        {
            throw new ZipLMException("SpeedupInvalid", ErrorKind.InvalidArgument,
                string.Create(CultureInfo.InvariantCulture, $"A speedup of {low} would not make the model faster."), "Give a speedup above 1.", low);
        }

        var own = TransformerModel.Of(model);
        own.Session.Run(() =>
        {
            Prune(own, calibrationData, options, write, reporter, cancellationToken);
            return true;
        }, reporter, cancellationToken);
    }

    private static void Prune(
        TransformerModel model, TextDataset? calibrationData, PruningOptions options, Action<Model> write, IReporter reporter, CancellationToken cancellationToken)
    {
        var calibration = new Calibration(model, calibrationData, options.CalibrationSamples, reporter);
        var batchSize = options.Table?.Environment.BatchSize ?? options.BatchSize;
        var length = options.Table?.Environment.SequenceLength ?? options.SequenceLength ?? calibration.TypicalLength;
        using var timer = new ForwardTimer(model.Session, model.Description, batchSize, length);
        var table = options.Table ?? LatencyFlow.Measure(model, batchSize, length, TableRounds, reporter, cancellationToken);
        RequireSameEnvironment(table, timer.Environment, options.Force, reporter);

        using var store = options.Saliency is { } rows
            ? calibration.Restore(rows, options.Damping, reporter, cancellationToken)
            : calibration.Order(options.Damping, reporter, cancellationToken);
        var choices = new PlanChoices(model.Layers, store, table);
        foreach (var speedup in options.Speedups)
        {
            RequireReachable(choices, table, speedup);
        }

        // Time does not depend on the weights' values, so a model that is pruned already is compared with a random dense one.
        var weights = model.Weights(reporter, cancellationToken);
        var isDense = model.Layers.All(l => l.Heads == model.DenseHeads && l.Width == model.DenseWidth);
        using var randomDense = isDense ? null : RandomModel.Create(
            model.Description with { Layers = [.. model.Layers.Select(l => new LayerShape(l.Layer, model.DenseHeads, model.DenseWidth))] }, model.Session);
        var search = new VerifiedSearch(weights, randomDense ?? weights, store, choices, table, timer, options.Rounds, reporter);
        foreach (var speedup in options.Speedups)
        {
            var best = search.Find(speedup, cancellationToken);
            var result = new PruningResult(
                speedup, table.DenseMilliseconds / best.Plan.PredictedMilliseconds, best.Measured, timer.Environment, best.Plan,
                table.Fingerprint, calibration.Data.Name, calibration.Samples, options.Damping, model.Session.Seed, best.Corrections);
            var record = model.Record with { BaseModel = model.Record.BaseModel ?? model.Path, Pruning = result };
            var name = string.Create(CultureInfo.InvariantCulture, $"{model.Name}-{speedup:0.##}x");
            write(TransformerModel.FromWeights(model.Session, name, model.Description, record, best.Shrunk, model.Tokenizer));
        }
    }

    private static void RequireReachable(PlanChoices choices, LatencyTable table, double speedup)
    {
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
}
