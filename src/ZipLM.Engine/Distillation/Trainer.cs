using System.Globalization;
using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using static TorchSharp.torch;
using AdamW = TorchSharp.Modules.AdamW;
using Parameter = TorchSharp.Modules.Parameter;

namespace ZipLM.Engine.Distillation;

/// <summary>Trains a student on labels, and on its teacher's logits and hidden states where their losses have a weight.</summary>
internal sealed class Trainer(TrainingOptions options, int seed, IReporter reporter)
{
    /// <summary>Trains the student in place; runs on the session's worker thread.</summary>
    /// <param name="teacher">Needed when the logit or token loss has a weight; its weights stay as they are.</param>
    /// <param name="data">Encoded training data.</param>
    /// <param name="validation">Data to validate on after each epoch; null for none.</param>
    public IReadOnlyList<TrainingMetric> Train(
        Transformer student, Transformer? teacher, EncodedDataset data, EvaluationSet? validation, CancellationToken cancellationToken)
    {
        // Dropout draws from the process's generator: the same seed gives the same run.
        manual_seed(seed);
        var stepsPerEpoch = (data.Examples.Count + options.BatchSize - 1) / options.BatchSize;
        var total = Math.Max(1, (int)Math.Round(stepsPerEpoch * options.Epochs));
        var schedule = new LinearSchedule(options.LearningRate, total, (int)Math.Round(total * options.WarmUp));
        var curve = new List<TrainingMetric>();
        using var clock = new LossClock(options.Weights);
        student.RequireGradients(true);
        try
        {
            using var optimizer = Optimizer(student);
            var step = 0;
            for (var epoch = 0; step < total; epoch++)
            {
                foreach (var batch in Batch.Shuffled(data, options.BatchSize, seed, epoch, student.Device))
                {
                    using (batch)
                    {
                        SetLearningRate(optimizer, schedule.At(step));
                        clock.Add(Step(student, teacher, batch, optimizer, cancellationToken), batch.TokenCount);
                    }

                    step++;
                    reporter.Progress(new("Training", $"step {step} of {total}", step, total));
                    var ends = step == total || step % stepsPerEpoch == 0;
                    if (ends || step % options.LogSteps == 0)
                    {
                        var metric = clock.Read(step, total, (double)step / stepsPerEpoch, schedule.At(step - 1));
                        if (!double.IsFinite(metric.Loss))
                        {
                            throw new ZipLMException("TrainingDiverged", ErrorKind.InvalidOperation,
                                string.Create(CultureInfo.InvariantCulture, $"The loss became {metric.Loss} by step {step}."),
                                "Use a smaller -LearningRate, or more -WarmUp.");
                        }

                        if (ends && validation is not null)
                        {
                            metric = metric with { Validation = validation.Evaluate(student, cancellationToken).Value };
                            clock.Restart();
                        }

                        curve.Add(metric);
                        reporter.Milestone(metric);
                    }

                    if (step == total)
                    {
                        break;
                    }
                }
            }
        }
        finally
        {
            student.RequireGradients(false);
            reporter.Progress(new("Training", "done", total, total, Completed: true));
        }

        return curve;
    }

    /// <returns>[total, task, logit, token]; the caller owns it.</returns>
    private Tensor Step(Transformer student, Transformer? teacher, Batch batch, optim.Optimizer optimizer, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        optimizer.zero_grad();
        var terms = Losses(student, teacher, batch, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        terms.Total.backward();
        cancellationToken.ThrowIfCancellationRequested();
        nn.utils.clip_grad_norm_(student.Parameters.Select(p => p.Parameter), options.MaximumGradientNorm);
        optimizer.step();
        return terms.Detach();
    }

    internal LossTerms Losses(Transformer student, Transformer? teacher, Batch batch, CancellationToken cancellationToken)
    {
        // A step of a large model takes seconds: this is looked at before each of its parts.
        cancellationToken.ThrowIfCancellationRequested();
        var weights = options.Weights;
        var output = student.Forward(batch, new() { Training = true, KeepHidden = weights.Token > 0, Head = weights.Task > 0 || weights.Logit > 0 });
        cancellationToken.ThrowIfCancellationRequested();
        var target = weights.NeedsTeacher ? Teach(teacher!, batch) : null;
        return new(
            weights,
            weights.Task > 0 ? TaskLoss.Mean(output.Logits!, batch) : null,
            weights.Logit > 0 ? DistillationLoss.Logit(output.Logits!, target!.Logits!, batch, options.Temperature) : null,
            weights.Token > 0 ? DistillationLoss.Token(output.Hidden, target!.Hidden, batch) : null);
    }

    private ModelOutput Teach(Transformer teacher, Batch batch)
    {
        using var gradients = no_grad();
        return teacher.Forward(batch, new() { KeepHidden = options.Weights.Token > 0, Head = options.Weights.Logit > 0 });
    }

    /// <summary>AdamW with decoupled decay; biases and LayerNorms, which are vectors, are excluded from it.</summary>
    private AdamW Optimizer(Transformer student)
    {
        var parameters = student.Parameters.Select(p => p.Parameter).ToList();
        return optim.AdamW(
            [
                Group(parameters.Where(p => p.dim() > 1), options.WeightDecay),
                Group(parameters.Where(p => p.dim() <= 1), 0),
            ],
            options.LearningRate);

        AdamW.ParamGroup Group(IEnumerable<Parameter> members, double decay) =>
            new(members, lr: options.LearningRate, weight_decay: decay);
    }

    private static void SetLearningRate(optim.Optimizer optimizer, double learningRate)
    {
        foreach (var group in optimizer.ParamGroups)
        {
            group.LearningRate = learningRate;
        }
    }
}
