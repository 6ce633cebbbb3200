using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>Measure-Model: quality, latency and size of a model, against a baseline measured in turns.</summary>
public static class MeasurementFlow
{
    /// <summary>Measures a model on one data set.</summary>
    /// <param name="baseline">The model that speedup and change of quality refer to; null = the one that a pruned model was pruned from.</param>
    /// <param name="data">Labelled data; null = what the model was validated on.</param>
    /// <param name="batchSize">Sequences in a forward pass; null = what a pruned model was made for, else 1.</param>
    /// <param name="sequenceLength">Tokens a sequence when time is measured; null = what a pruned model was made for, else the 95th percentile of the data.</param>
    /// <param name="rounds">Rounds, ≥ 1, paired where there is a baseline; null = at least 60, and until the speedup, or without a baseline the time, is known within 1 %.</param>
    /// <param name="baselines">Baselines whose quality is known from models that were measured before.</param>
    /// <param name="runtime">What executes the models; null = what a pruned model was made for, else torch.</param>
    /// <param name="generatedTokens">Tokens that are written after the sequence when time is measured; null = what a pruned model was made for, else 0.</param>
    public static ModelMeasurement Run(
        Model model, Model? baseline, TextDataset? data, int? batchSize, int? sequenceLength, int? rounds, IReporter reporter, CancellationToken cancellationToken,
        MeasuredBaselines? baselines = null, RuntimeChoice? runtime = null, int? generatedTokens = null)
    {
        ModelMeasurement? only = null;
        Run(model, baseline, data is null ? [] : [data], new() { BatchSize = batchSize, SequenceLength = sequenceLength, GeneratedTokens = generatedTokens, Rounds = rounds, Runtime = runtime }, row => only = row, reporter, cancellationToken, baselines);
        return only!;
    }

    /// <summary>Measures a model on several data sets, each as it is and then disturbed; time is measured once.</summary>
    /// <param name="data">Data that says what is right; none = what the model was validated on.</param>
    /// <param name="write">Receives each measurement as soon as it is there; called on the session's worker thread.</param>
    public static void Run(
        Model model, Model? baseline, IReadOnlyList<TextDataset> data, MeasurementOptions options, Action<ModelMeasurement> write,
        IReporter reporter, CancellationToken cancellationToken, MeasuredBaselines? baselines = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        var own = TransformerModel.Of(model);
        options.Runtime?.Require();
        SameSession.Require(own, baseline, "-Baseline");
        IReadOnlyList<TextDataset> sets = data.Count > 0 ? data : [own.Record.ValidationData is { } recorded
            ? RecordedData.Read(own, recorded, "-Data")
            : throw new ZipLMException("MeasurementDataMissing", ErrorKind.NotFound,
                $"There is no data to measure '{model.Name}' on: its directory records none.", "Give labelled data with -Data (Import-TextDataset dev.tsv).", model)];
        own.Session.Run(() =>
        {
            using var recordedBaseline = baseline is null ? RecordedBaseline(own, cancellationToken) : null;
            var against = baseline is null ? recordedBaseline : TransformerModel.Of(baseline);
            Measure(own, against, sets, options, write, baselines ?? new(), reporter, cancellationToken);
            return true;
        }, reporter, cancellationToken);
    }

    /// <summary>For a pruned model the one that it was pruned from, while that is still on disk; the caller disposes it.</summary>
    private static TransformerModel? RecordedBaseline(TransformerModel model, CancellationToken cancellationToken) =>
        model.Record is { Pruning: not null, BaseModel: { } directory } && Directory.Exists(directory)
            ? RecordedBase.Open(model, "-Baseline", cancellationToken)
            : null;

    /// <summary>The model's time, and where there is a baseline its speedup, both run in turns.</summary>
    private static (MedianInterval Time, Speedup? Speedup, int Rounds) Time(
        ForwardTimer timer, Transformer? baseline, Transformer model, int? rounds, IReporter reporter, CancellationToken cancellationToken)
    {
        const string activity = "Measuring speed";
        using var pass = timer.Load(model);
        using var other = baseline is null ? null : timer.Load(baseline);
        var plan = other is null ? RoundPlan.Single(rounds) : RoundPlan.Paired(rounds);
        var times = timer.Measure(other is null ? [pass] : [other, pass], plan, activity, reporter, cancellationToken);
        var time = MedianInterval.Of(times[^1]);
        var speedup = other is null ? null : ForwardTimer.Ratio(times[0], times[1]);
        plan.WarnIfUncertain(speedup is null ? "the time" : "the speedup", speedup?.Spread ?? time.Spread, times[0].Length, reporter);
        return (time, speedup, times[0].Length);
    }

    private static void Measure(
        TransformerModel model, TransformerModel? baseline, IReadOnlyList<TextDataset> sets, MeasurementOptions options, Action<ModelMeasurement> write,
        MeasuredBaselines baselines, IReporter reporter, CancellationToken cancellationToken)
    {
        var weights = model.Weights(reporter, cancellationToken);
        // All are looked at before the first is measured: what is wrong with the last is said at once.
        var evaluations = sets.Select(set => Prepare(model, set)).ToList();
        var encoded = evaluations[0].Encoded;
        // A pruned model promised its speedup in one shape: that is where it is measured unless the user says otherwise.
        var generated = options.GeneratedTokens ?? model.Pruning?.Environment.GeneratedTokens ?? 0;
        var length = options.SequenceLength ?? model.Pruning?.Environment.SequenceLength ?? Generation.Prompt(encoded.LengthPercentile(0.95), generated, model.MaximumSequenceLength);
        using var timer = new ForwardTimer(
            model.Session, model.Description, options.BatchSize ?? model.Pruning?.Environment.BatchSize ?? 1, length,
            options.Runtime ?? (model.Pruning is { } pruning ? RuntimeChoice.Of(pruning.Environment) : null), generated);
        var baselineWeights = baseline?.Weights(reporter, cancellationToken);
        var (time, speedup, rounds) = Time(timer, baselineWeights, weights, options.Rounds, reporter, cancellationToken);
        using var answers = new RuntimeAnswers(weights, timer.Environment);
        foreach (var (data, evaluation) in sets.Zip(evaluations))
        {
            var plain = Write(data, evaluation, null, null);
            foreach (var perturbation in options.Perturbations)
            {
                Write(data, Prepare(model, Disturbed(data, perturbation)), perturbation, plain);
            }
        }

        double Write(TextDataset data, EvaluationSet evaluation, Perturbation? perturbation, double? plain)
        {
            reporter.Verbose($"Measuring {model.Name} on {data.Count} rows of {data.Name}{(perturbation is null ? "" : $", disturbed by {perturbation}")}.");
            var quality = evaluation.Evaluate(weights, answers.Of, cancellationToken);
            var change = baseline is null ? (double?)null : quality.Value - baselines.Quality(
                baseline, data, () => BaselineQuality(perturbation is { } p ? Disturbed(data, p) : data), perturbation, RuntimeChoice.Of(timer.Environment));
            // The first data set is what the model is judged by, as itself and not as a quantised twin. A metric may be no number, such as a correlation with labels that are all alike.
            if (perturbation is null && ReferenceEquals(data, sets[0]) && timer.Environment.Runtime == InferenceRuntime.Torch && quality.Metrics.Values.Append(change ?? 0).All(double.IsFinite))
            {
                model.Measured(new(data.Name, quality.Samples, quality.Metric, quality.Metrics, change));
            }

            write(new()
            {
                Model = model.Name,
                Data = data.Name,
                Perturbation = perturbation,
                Metric = quality.Metric,
                Quality = quality.Value,
                HigherIsBetter = quality.HigherIsBetter,
                Metrics = quality.Metrics,
                Loss = quality.Loss,
                Samples = quality.Samples,
                Milliseconds = time.Median,
                MillisecondsSpread = time.Spread,
                Speedup = speedup?.Ratio,
                SpeedupSpread = speedup?.Spread,
                Rounds = rounds,
                QualityChange = change,
                PerturbationChange = quality.Value - plain,
                Parameters = model.Parameters,
                SizeMB = answers.Bytes / 1e6,
                Environment = timer.Environment,
            });
            return quality.Value;
        }

        double BaselineQuality(TextDataset data)
        {
            using var theirs = new RuntimeAnswers(baselineWeights!, timer.Environment);
            return Prepare(baseline!, data).Evaluate(baselineWeights!, theirs.Of, cancellationToken).Value;
        }

        EvaluationSet Prepare(TransformerModel one, TextDataset data) => EvaluationSet.Create(one, data, null, options.Stride, cancellationToken, reporter);

        TextDataset Disturbed(TextDataset data, Perturbation perturbation) => Perturbing.Apply(data, perturbation, options.PerturbationRate, model.Session.Seed);
    }
}
