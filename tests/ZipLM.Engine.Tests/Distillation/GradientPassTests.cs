using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Distillation;

[Collection(AloneCollection.Name)]
public sealed class GradientPassTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(16, seed: 31));
    private static readonly TrainingOptions Options = new() { Weights = new(0.7, 1.3, 0.4), BatchSize = 8, LearningRate = 1e-2, Epochs = 3, LogSteps = 1, WeightDecay = 0.3 };

    [Theory]
    [InlineData(0.4)]
    [InlineData(0)]
    public void Computing_blocks_again_gives_the_same_gradients(double tokenWeight) => fixture.Run(() =>
    {
        var options = Options with { Weights = new(0.7, 1.3, tokenWeight) };
        using var teacher = TinyBert.Create(60, ScalarType.Float64);
        using var student = TinyBert.Create(TrainingRig.NoDropout([(3, 9), (0, 0), (4, 0)]), 61, ScalarType.Float64);
        var (losses, gradients) = Gradients(student, teacher, options, new WholePass());
        var (otherLosses, otherGradients) = Gradients(student, teacher, options, new RecomputingPass());
        TinyBert.AssertClose(losses, otherLosses, 1e-12);
        TinyBert.AssertClose(gradients, otherGradients, 1e-12);
        Assert.Contains(gradients, g => Math.Abs(g) > 1e-3);
    });

    /// <summary>In single precision the passes give the token loss's gradient themselves; in double precision torch does.</summary>
    [Theory]
    [InlineData(0.7, 1.3, 0.4)]
    [InlineData(0, 0, 1)]
    public void Single_precision_has_the_gradients_of_double(double task, double logit, double token) => fixture.Run(() =>
    {
        var options = Options with { Weights = new(task, logit, token) };
        foreach (var pass in new IGradientPass[] { new WholePass(), new RecomputingPass() })
        {
            var (twice, single) = (Of(ScalarType.Float64), Of(ScalarType.Float32));
            TinyBert.AssertClose(twice.Losses, single.Losses, 1e-5);
            TinyBert.AssertClose(twice.Gradients, single.Gradients, 1e-5);

            (double[] Losses, double[] Gradients) Of(ScalarType type)
            {
                using var teacher = TinyBert.Create(TinyBert.Describe(), 66, type);
                using var student = TinyBert.Create(TrainingRig.NoDropout([(3, 9), (2, 24)]), 67, type);
                return Gradients(student, teacher, options, pass);
            }
        }
    });

    /// <summary>The word embeddings are the head's matrix too, rotary positions are computed again, and a last norm comes after the blocks.</summary>
    [Fact]
    public void Computing_blocks_again_gives_the_same_gradients_of_a_language_model() => fixture.Run(() =>
    {
        using var teacher = TinyBert.Create(TinyFamilies.Describe("llama causal"), 68, ScalarType.Float64);
        using var student = TinyBert.Create(TinyFamilies.Describe("llama causal", "1/9 2/0"), 69, ScalarType.Float64);
        var texts = EncodedDataset.Encode(TinyBert.Data(6, seed: 32), TinyBert.Tokenizer, 32, CancellationToken.None, ModelTask.CausalLanguageModeling);
        var (losses, gradients) = Gradients(student, teacher, Options, new WholePass(), texts);
        var (otherLosses, otherGradients) = Gradients(student, teacher, Options, new RecomputingPass(), texts);
        TinyBert.AssertClose(losses, otherLosses, 1e-12);
        TinyBert.AssertClose(gradients, otherGradients, 1e-12);
        Assert.Contains(gradients.Take(40 * 16), g => Math.Abs(g) > 1e-3);

        // All by torch: the oracle of both.
        student.RequireGradients(true);
        using var batch = TinyBert.Batch(texts);
        TrainingRig.Losses(Options, student, teacher, batch).Total.backward();
        TinyBert.AssertClose([.. student.Parameters.SelectMany(p => TinyBert.Values(p.Parameter.grad ?? zeros_like(p.Parameter)))], gradients, 1e-12);
    });

    [Fact]
    public void Gradient_checkpointing_trains_to_the_same_weights() => fixture.Run(() =>
    {
        var (again, curve) = Train(Options with { GradientCheckpointing = true }, null);
        var (whole, _) = Train(Options, null);
        TinyBert.AssertClose(whole, again, 1e-9);
        Assert.Equal(6, curve.Count);
    });

    /// <summary>With other dropout in the second pass than in the first, a step along the gradient would not be the descent that the losses promise.</summary>
    [Fact]
    public void Dropout_is_the_same_when_a_block_is_computed_again() => fixture.Run(() =>
    {
        using var teacher = TinyBert.Create(62, ScalarType.Float64);
        using var student = TinyBert.Create(63, ScalarType.Float64);
        var (_, gradients) = Gradients(student, teacher, Options, new RecomputingPass());
        var parameter = student.Blocks[0].FeedForward!.Up.Weight;
        var start = student.Parameters.TakeWhile(p => !ReferenceEquals(p.Parameter, parameter)).Sum(p => (int)p.Parameter.numel());
        for (var i = 0; i < 5; i++)
        {
            var numeric = (Loss(i, 1e-6) - Loss(i, -1e-6)) / 2e-6;
            Assert.Equal(numeric, gradients[start + i], 1e-6);
        }

        double Loss(int index, double change)
        {
            using var element = parameter.view(-1).narrow(0, index, 1);
            element.add_(change);
            var loss = Gradients(student, teacher, Options, new RecomputingPass()).Losses[0];
            element.sub_(change);
            return loss;
        }
    });

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    public void Parts_of_a_batch_give_the_step_of_the_whole(int partSize) => fixture.Run(() =>
    {
        var (whole, wholeCurve) = Train(Options, new WholePass());
        var (parts, curve) = Train(Options with { MicroBatchSize = partSize }, new WholePass());
        TinyBert.AssertClose(whole, parts, 1e-9);
        TinyBert.AssertClose([.. wholeCurve.Select(m => m.Loss)], [.. curve.Select(m => m.Loss)], 1e-9);
    });

    [Fact]
    public void Memory_that_runs_out_halves_what_is_computed_at_a_time_and_says_so() => fixture.Run(() =>
    {
        var reporter = new RecordingReporter();
        var pass = new LimitedPass(3);
        var (limited, curve) = Train(Options, pass, reporter);
        TinyBert.AssertClose(Train(Options, new WholePass()).Weights, limited, 1e-9);
        Assert.Equal(6, curve.Count);
        // From 8 to 4 to 2, once for the whole run.
        Assert.Equal(["8", "4"], reporter.Warnings.Select(w => w.Split(" with ")[1].Split(' ')[0]));
        Assert.All(reporter.Warnings, w => Assert.Contains("step 1", w, StringComparison.Ordinal));
        Assert.Equal(2, pass.Failures);
    });

    [Fact]
    public void Memory_that_does_not_suffice_for_one_sequence_ends_the_training_with_what_to_do() => fixture.Run(() =>
    {
        var error = Assert.Throws<ZipLMException>(() => Train(Options, new LimitedPass(0)));
        Assert.Equal(("ZipLM.TrainingOutOfMemory", ErrorKind.ResourceUnavailable), (error.ErrorId, error.Kind));
        Assert.Contains("-GradientCheckpointing", error.Remedy, StringComparison.Ordinal);
    });

    [Fact]
    public void Another_failure_is_not_taken_for_a_lack_of_memory() => fixture.Run(() =>
        Assert.Throws<InvalidOperationException>(() => Train(Options, new LimitedPass(3) { Message = "mat1 and mat2 shapes cannot be multiplied" })));

    private static (double[] Weights, IReadOnlyList<TrainingMetric> Curve) Train(TrainingOptions options, IGradientPass? pass, RecordingReporter? reporter = null)
    {
        using var teacher = TinyBert.Create(TrainingRig.NoDropout([(4, 24), (4, 24)]), 64, ScalarType.Float64);
        using var student = TinyBert.Create(TrainingRig.NoDropout([(3, 9), (2, 24)]), 65, ScalarType.Float64);
        var curve = NewTrainer().Train(student, TrainingRig.Teach(student, teacher, options), Data, null, CancellationToken.None);
        return (TrainingRig.Weights(student), curve);

        // Unless said the options choose the pass.
        Trainer NewTrainer() => pass is null ? new(options, 5, reporter ?? new()) : new(options, 5, reporter ?? new()) { Pass = pass };
    }

    private static (double[] Losses, double[] Gradients) Gradients(Transformer student, Transformer teacher, TrainingOptions options, IGradientPass pass, EncodedDataset? data = null)
    {
        using var batch = TinyBert.Batch(data ?? Data);
        var teaching = TrainingRig.Teach(student, teacher, options);
        student.RequireGradients(true);
        using var terms = pass.Run(student, new(batch, teaching.Teacher.Ask(batch), PartShare.Whole, 7), new StudentLoss(options, teaching.Pairs), CancellationToken.None);
        double[] gradients = [.. student.Parameters.SelectMany(p => TinyBert.Values(p.Parameter.grad ?? zeros_like(p.Parameter)))];
        student.RequireGradients(false);
        return (TinyBert.Values(terms), gradients);
    }

    /// <summary>A device that has room for a few rows only; it notices when half of the work is done.</summary>
    private sealed class LimitedPass(int rows) : IGradientPass
    {
        private readonly WholePass _whole = new();

        public string Message { get; init; } = "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.";

        public int Failures { get; private set; }

        public Tensor Run(Transformer student, TrainingPart part, StudentLoss loss, CancellationToken cancellationToken)
        {
            var terms = _whole.Run(student, part, loss, cancellationToken);
            if (part.Batch.Rows.Count <= rows)
            {
                return terms;
            }

            terms.Dispose();
            Failures++;
            throw new InvalidOperationException(Message);
        }
    }
}
