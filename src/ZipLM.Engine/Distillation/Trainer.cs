using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>Trains a student on labels, and on its teacher's logits and hidden states where their losses have a weight.</summary>
internal sealed class Trainer(TrainingOptions options, int seed, IReporter reporter)
{
    private const string Activity = "Training";

    /// <summary>Where the run is kept; null when it is not.</summary>
    public TrainingCheckpoint? Checkpoint { get; init; }

    /// <summary>How gradients are computed.</summary>
    public IGradientPass Pass { get; init; } = options.GradientCheckpointing ? new RecomputingPass() : new WholePass();

    /// <summary>Trains the student in place; runs on the session's worker thread.</summary>
    /// <param name="teaching">Needed when the logit or token loss has a weight.</param>
    /// <param name="data">Encoded training data.</param>
    /// <param name="validation">Data to validate on after each epoch; null for none.</param>
    /// <returns>The learning curve, also of what was done before a stop.</returns>
    public IReadOnlyList<TrainingMetric> Train(
        Transformer student, Teaching? teaching, EncodedDataset data, EvaluationSet? validation, CancellationToken cancellationToken)
    {
        var loss = new StudentLoss(options, teaching?.Pairs);
        using var parameters = new FlatParameters([.. TrainedParameter.Of(student, options.LayerRateDecay, loss.Forward.Head == true), .. teaching?.Pairs?.Parameters ?? []]);
        using var optimizer = new AdamW(parameters, options.WeightDecay, options.MaximumGradientNorm);
        using var window = new LossWindow(options.Weights);
        using var run = new TrainingRun(parameters, optimizer, window, options, teaching is null ? null : teaching.Cache is not null, reporter, Checkpoint, cancellationToken);
        var stepsPerEpoch = BatchFeed.StepsPerEpoch(data, options.BatchSize);
        var total = Math.Max(1, (int)Math.Round(stepsPerEpoch * options.Epochs));
        var schedule = new RateSchedule(options.Schedule, options.LearningRate, total, (int)Math.Round(total * options.WarmUp));
        var feed = Feed();
        try
        {
            reporter.Progress(new(Activity, $"step {run.State.Step} of {total}", run.State.Step, total));
            while (true)
            {
                var step = run.State.Step;
                var ends = step == total || step % stepsPerEpoch == 0;
                if (step > run.State.Logged && (ends || step % options.LogSteps == 0))
                {
                    var metric = window.Mean(step, total, (double)step / stepsPerEpoch, schedule.At(step - 1), Memory(student.Device));
                    var quality = ends ? validation?.Evaluate(student, cancellationToken) : null;
                    run.Log(metric with { TeacherCached = run.State.CachesTeacher, Validation = quality?.Value, ValidationMetric = quality?.Metric }, quality is { HigherIsBetter: false } ? -quality.Value : quality?.Value, isLast: step == total);
                }

                if (run.State.Done)
                {
                    break;
                }

                run.SaveWhenDue();
                var (terms, rows, tokens) = Gradients();
                optimizer.Step(step, schedule.At(step));
                window.Add(terms, rows, tokens);
                run.State = run.State with { Step = step + 1 };
                reporter.Progress(new(Activity, $"step {step + 1} of {total}", step + 1, total));
            }

            run.Finish();
            reporter.Progress(new(Activity, "done", total, total, Completed: true));
            return run.Curve;
        }
        catch (OperationCanceledException)
        {
            // The step that was under way has changed no weight.
            run.Save();
            throw;
        }
        finally
        {
            feed.Dispose();
        }

        BatchFeed Feed() => new(data, run.State.Step..total, options.BatchSize, run.State.PartSize, seed, teaching?.Cache, student.Device);

        // The gradients of one step. When memory runs out, in parts of half the rows, and so from there on.
        (Tensor Terms, IReadOnlyList<int> Rows, int Tokens) Gradients()
        {
            while (true)
            {
                IReadOnlyList<TrainingPart> parts = [];
                Tensor? sum = null;
                try
                {
                    parts = feed.Take(cancellationToken);
                    foreach (var part in parts)
                    {
                        using var answer = part.Teacher is null ? teaching?.Teacher.Ask(part.Batch) : null;
                        cancellationToken.ThrowIfCancellationRequested();
                        var terms = Pass.Run(student, part with { Teacher = part.Teacher ?? answer }, loss, cancellationToken);
                        parameters.Gather();
                        if (sum is null)
                        {
                            sum = terms;
                        }
                        else
                        {
                            sum.Increase(terms);
                            terms.Dispose();
                        }
                    }

                    return (sum!, [.. parts.SelectMany(p => p.Batch.Rows).Select(r => data.Examples[r].Row).Distinct()], parts.Sum(p => p.Batch.TokenCount));
                }
                catch (Exception e) when (OutOfMemory.Is(e))
                {
                    sum?.Dispose();
                    var largest = parts.Count > 0 ? parts.Max(p => p.Batch.Rows.Count) : run.State.PartSize;
                    if (largest == 1)
                    {
                        throw new ZipLMException("TrainingOutOfMemory", ErrorKind.ResourceUnavailable,
                            $"Memory ran out in step {run.State.Step + 1}, although one sequence was computed at a time.",
                            "Use a smaller -MaximumLength or -GradientCheckpointing, or free memory (Get-GpuSession shows what is loaded).", inner: e);
                    }

                    var half = (largest + 1) / 2;
                    reporter.Warning($"Memory ran out in step {run.State.Step + 1} with {largest} sequences at a time. Going on with {half} at a time; a step still learns from {options.BatchSize}.");
                    parameters.ZeroGradients();
                    run.State = run.State with { PartSize = half };
                    feed.Dispose();
                    feed = Feed();
                }
                finally
                {
                    foreach (var part in parts)
                    {
                        part.Dispose();
                    }
                }
            }
        }
    }

    private static long Memory(Device device) => device.type == TorchSharp.DeviceType.CUDA
        ? DeviceInfo.Memory(device) is { } memory ? memory.Total - memory.Free : 0
        : Environment.WorkingSet;
}
