using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Distillation;

public sealed class OptimizerTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(24, seed: 41));

    /// <summary>The steps in single precision, by the kernel, are those in double precision, by torch, which TrainerTests hold against plain numbers.</summary>
    [Fact]
    public void The_kernel_takes_torchs_steps() => fixture.Run(() =>
    {
        var random = new Random(1);
        double[] start = [.. Enumerable.Range(0, 100_003).Select(_ => random.NextDouble() - 0.5)];
        var steps = Enumerable.Range(0, 4).Select(_ => start.Select(_ => (random.NextDouble() - 0.5) * 0.1).ToArray()).ToList();
        var (single, twice) = (Steps(ScalarType.Float32), Steps(ScalarType.Float64));
        TinyBert.AssertClose(twice, single, 1e-6);
        TinyBert.AssertClose(start, twice, 1);
        Assert.NotEqual(start[^1], twice[^1]);
        // The first step of Adam is the sign of the gradient times the rate, whatever its length; so is about the sum of all.
        Assert.InRange(Moved(..60_001) / Moved(60_001..), 4.5, 5.5);

        double Moved(Range range) => start[range].Zip(twice[range], (a, b) => Math.Abs(a - b)).Average();

        double[] Steps(ScalarType type)
        {
            // Two groups: the second learns at a fifth of the rate of the first, and does not decay.
            var parameters = new[] { start[..60_001], start[60_001..] }.Select(s => new TorchSharp.Modules.Parameter(tensor(s).to(type), requires_grad: false)).ToList();
            using (var flat = new FlatParameters([new(parameters[0], 0.5, Decays: true), new(parameters[1], 0.1, Decays: false)]))
            using (var optimizer = new AdamW(flat, weightDecay: 0.2, maximumNorm: 1))
            {
                foreach (var (gradient, step) in steps.Select((g, i) => (g, i)))
                {
                    flat.Gradients.add_(tensor(gradient).to(type));
                    optimizer.Step(step, 0.01);
                    Assert.Equal(0, flat.Gradients.abs().sum().to(ScalarType.Float64).item<double>());
                }
            }

            return [.. parameters.SelectMany(p => TinyBert.Values(p))];
        }
    });

    [Fact]
    public void Parameters_have_memory_of_their_own_again_afterwards() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(70);
        var before = TrainingRig.Weights(model);
        using (new FlatParameters(TrainedParameter.Of(model, 1)))
        {
            Assert.Equal(before, TrainingRig.Weights(model));
            Assert.All(model.Parameters, p => Assert.True(p.Parameter.requires_grad));
        }

        Assert.Equal(before, TrainingRig.Weights(model));
        Assert.All(model.Parameters, p => Assert.Equal(0, p.Parameter.storage_offset()));
        Assert.All(model.Parameters, p => Assert.True(p.Parameter.grad is null && !p.Parameter.requires_grad));
    });

    [Fact]
    public void Lower_blocks_learn_slower_by_the_decay() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyBert.Describe([(4, 24), (4, 24), (4, 24)]), 71);
        var rates = TrainedParameter.Of(model, 0.5).Select(p => p.Rate).Distinct().ToList();
        Assert.Equal([1 / 16.0, 1 / 8.0, 1 / 4.0, 1 / 2.0, 1.0], rates);
    });

    /// <summary>Steps that bfloat16 alone would lose: its numbers near 1 lie 0.0078 apart.</summary>
    [Fact]
    public void In_bfloat16_the_masters_keep_small_steps() => fixture.Run(() =>
    {
        var options = new TrainingOptions { Epochs = 6, BatchSize = 8, LearningRate = 2e-4, LogSteps = 1, Weights = new(1, 1, 0.1), WarmUp = 0, Schedule = LearningRateSchedule.Constant };
        var (low, lowCurve) = Train(ScalarType.BFloat16);
        var (single, curve) = Train(ScalarType.Float32);
        Assert.All(curve.Zip(lowCurve), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 0.05 * pair.First.Loss));
        using var start = TinyBert.Create(TrainingRig.NoDropout([(3, 9), (2, 24)]), 73, ScalarType.BFloat16);
        var before = TrainingRig.Weights(start);
        // 18 steps of 2e-4: where the gradient keeps its sign a norm's weight near 1 goes 0.0036, half of a spacing or more for most.
        double Moved(double[] after) => before.Zip(after, (a, b) => Math.Abs(a - b)).Sum();
        Assert.InRange(Moved(low) / Moved(single), 0.7, 1.3);

        (double[] Weights, IReadOnlyList<TrainingMetric> Curve) Train(ScalarType type)
        {
            using var teacher = TinyBert.Create(TrainingRig.NoDropout([(4, 24), (4, 24)]), 72, type);
            using var student = TinyBert.Create(TrainingRig.NoDropout([(3, 9), (2, 24)]), 73, ScalarType.BFloat16);
            using var own = TinyBert.Create(TrainingRig.NoDropout([(3, 9), (2, 24)]), 73, type);
            using (no_grad())
            {
                foreach (var (to, from) in own.Parameters.Zip(student.Parameters))
                {
                    to.Parameter.copy_(from.Parameter);
                }
            }

            var curve = new Trainer(options, 5, new RecordingReporter()).Train(own, TrainingRig.Teach(own, teacher, options), Data, null, CancellationToken.None);
            return (TrainingRig.Weights(own), curve);
        }
    });

    [Fact]
    public void Training_ends_when_validation_brings_nothing_and_gives_the_best_weights() => fixture.Run(() =>
    {
        var texts = TinyBert.Data(60, seed: 42, purity: 1);
        var validation = new EvaluationSet(texts, TinyBert.Encode(texts), TinyBert.Labels.Count);
        using var student = TinyBert.Create(74);
        var reporter = new RecordingReporter();
        var options = new TrainingOptions { Epochs = 60, BatchSize = 8, LearningRate = 5e-3, Patience = 2, Schedule = LearningRateSchedule.Constant };
        var curve = new Trainer(options, 5, reporter).Train(student, null, Data, validation, CancellationToken.None);
        var values = curve.Where(m => m.Validation is not null).Select(m => m.Validation!.Value).ToList();
        var best = values.IndexOf(values.Max());
        Assert.InRange(values.Count, 3, 59);
        Assert.Equal(best + 3, values.Count);
        Assert.Equal(values[best], validation.Evaluate(student, CancellationToken.None).Value);
    });
}
