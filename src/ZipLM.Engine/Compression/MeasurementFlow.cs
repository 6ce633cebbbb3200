using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>Measure-Model: quality, latency and size of a model, against a baseline measured in turns.</summary>
public static class MeasurementFlow
{
    private const int EvaluationBatchSize = 64;

    /// <summary>Measures a model.</summary>
    /// <param name="baseline">The model that speedup and change of quality refer to; null = the one that a pruned model was pruned from.</param>
    /// <param name="data">Labelled data; null = what the model was validated on.</param>
    /// <param name="batchSize">Sequences in a forward pass; null = what a pruned model was made for, else 1.</param>
    /// <param name="sequenceLength">Tokens a sequence when time is measured; null = what a pruned model was made for, else the 95th percentile of the data.</param>
    /// <param name="rounds">Paired rounds, ≥ 1; null = at least 60, and until the speedup is known within 1 %.</param>
    /// <param name="baselines">Baselines whose quality is known from models that were measured before.</param>
    /// <param name="runtime">What executes the models when time is measured; null = what a pruned model was made for, else torch.</param>
    public static ModelMeasurement Run(
        Model model, Model? baseline, TextDataset? data, int? batchSize, int? sequenceLength, int? rounds, IReporter reporter, CancellationToken cancellationToken,
        MeasuredBaselines? baselines = null, RuntimeChoice? runtime = null)
    {
        var own = TransformerModel.Of(model);
        runtime?.Require();
        SameSession.Require(own, baseline, "-Baseline");
        var rows = data ?? (own.Record.ValidationData is { } recorded
            ? RecordedData.Read(own, recorded, "-Data")
            : throw new ZipLMException("MeasurementDataMissing", ErrorKind.NotFound,
                $"There is no data to measure '{model.Name}' on: its directory records none.", "Give labelled data with -Data (Import-TextDataset dev.tsv).", model));
        return own.Session.Run(() =>
        {
            using var recordedBaseline = baseline is null ? RecordedBaseline(own, cancellationToken) : null;
            var against = baseline is null ? recordedBaseline : TransformerModel.Of(baseline);
            return Measure(own, against, rows, batchSize, sequenceLength, rounds, runtime, baselines ?? new(), reporter, cancellationToken);
        }, reporter, cancellationToken);
    }

    /// <summary>For a pruned model the one that it was pruned from, while that is still on disk; the caller disposes it.</summary>
    private static TransformerModel? RecordedBaseline(TransformerModel model, CancellationToken cancellationToken) =>
        model.Record is { Pruning: not null, BaseModel: { } directory } && Directory.Exists(directory)
            ? RecordedBase.Open(model, "-Baseline", cancellationToken)
            : null;

    private static ModelMeasurement Measure(
        TransformerModel model, TransformerModel? baseline, TextDataset data, int? batchSize, int? sequenceLength, int? rounds,
        RuntimeChoice? runtime, MeasuredBaselines baselines, IReporter reporter, CancellationToken cancellationToken)
    {
        var weights = model.Weights(reporter, cancellationToken);
        var encoded = Encode(model, data, cancellationToken);
        // A pruned model promised its speedup in one shape: that is where it is measured unless the user says otherwise.
        var length = sequenceLength ?? model.Pruning?.Environment.SequenceLength ?? Math.Min(encoded.LengthPercentile(0.95), model.MaximumSequenceLength);
        reporter.Verbose($"Measuring {model.Name} on {encoded.Examples.Count} rows of {data.Name}.");
        var quality = Evaluate(model, encoded, reporter, cancellationToken);
        using var timer = new ForwardTimer(
            model.Session, model.Description, batchSize ?? model.Pruning?.Environment.BatchSize ?? 1, length,
            runtime ?? (model.Pruning is { } pruning ? RuntimeChoice.Of(pruning.Environment) : null));
        var baselineWeights = baseline?.Weights(reporter, cancellationToken);
        var speedup = baselineWeights is null ? null : timer.Compare(baselineWeights, weights, RoundPlan.Paired(rounds), reporter, cancellationToken);
        var milliseconds = speedup?.Milliseconds
            ?? timer.Milliseconds(weights, rounds ?? 60, reporter, cancellationToken);
        return new()
        {
            Model = model.Name,
            Data = data.Name,
            Metric = quality.Metric,
            Quality = quality.Value,
            Loss = quality.Loss,
            Samples = quality.Samples,
            Milliseconds = milliseconds,
            Speedup = speedup?.Ratio,
            SpeedupSpread = speedup?.Spread,
            Rounds = speedup?.Rounds ?? rounds ?? 60,
            QualityChange = baseline is null ? null : quality.Value - baselines.Quality(
                baseline, data, () => Evaluate(baseline, Encode(baseline, data, cancellationToken), reporter, cancellationToken).Value),
            Parameters = model.Parameters,
            SizeMB = weights.Bytes / 1e6,
            Environment = timer.Environment,
        };
    }

    private static EncodedDataset Encode(TransformerModel model, TextDataset data, CancellationToken cancellationToken)
    {
        if (model.Task != ModelTask.SequenceClassification)
        {
            throw new ZipLMException("ModelHeadMissing", ErrorKind.InvalidOperation,
                $"'{model.Name}' is a {model.Architecture}, which has no trained classifier and so no labels to measure.",
                "Use a checkpoint for sequence classification.", model);
        }

        return model.Encode(LabelAlignment.Align(data, model.Labels), model.MaximumSequenceLength, cancellationToken);
    }

    private static Quality Evaluate(TransformerModel model, EncodedDataset data, IReporter reporter, CancellationToken cancellationToken) =>
        QualityEvaluator.Evaluate(
            model.Weights(reporter, cancellationToken),
            Batch.Sequential(data, EvaluationBatchSize, model.Session.TorchDevice), cancellationToken);
}
