using TorchSharp;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests;

/// <summary>What a graphics card computes against what the CPU does. Skipped where there is none.</summary>
public sealed class CudaTests : IDisposable
{
    private static readonly TextDataset Text = TinyBert.Data(60, seed: 70);
    private static readonly TextDataset Unlabelled = new(Text.Name, [.. Text.Examples.Select(e => e with { Label = null })], []);
    private static readonly EncodedDataset Data = TinyBert.Encode(Text);
    private readonly TorchSession _cpu = SessionFixture.Connect();
    private readonly ModelFolder _folder = new();
    private readonly RecordingReporter _reporter = new();
    private TorchSession? _cuda;

    public static TheoryData<string> Names => TinyFamilies.Names;

    public void Dispose()
    {
        _cuda?.Dispose();
        _cpu.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_card_tells_its_name_and_its_memory()
    {
        var cuda = Cuda();
        On(cuda, () =>
        {
            Assert.NotEqual("CUDA device", DeviceInfo.Name(cuda.TorchDevice));
            var (free, total) = DeviceInfo.Memory(cuda.TorchDevice)!.Value;
            Assert.InRange(free, 1L << 20, total);
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_model_answers_as_on_the_CPU(string name)
    {
        var cuda = Cuda();
        using var made = TinyBert.Model(_cpu, 71, TinyFamilies.Describe(name, "2/7 2/24"));
        _folder.Write(made);
        var expected = On(_cpu, () => Answers(made));
        using var single = _folder.Open(cuda);
        TinyBert.AssertClose(expected, On(cuda, () => Answers(single)), 1e-4);
    }

    /// <summary>Half precision keeps about three digits, at sums of these sizes fewer.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Every_model_answers_nearly_the_same_in_BFloat16(string name)
    {
        var cuda = Cuda(Precision.BFloat16);
        using var made = TinyBert.Model(_cpu, 72, TinyFamilies.Describe(name));
        _folder.Write(made);
        var expected = On(_cpu, () => Answers(made));
        using var half = _folder.Open(cuda);
        var actual = On(cuda, () => Answers(half));
        var error = Math.Sqrt(expected.Zip(actual, (e, a) => (e - a) * (e - a)).Sum() / expected.Sum(e => e * e));
        Assert.InRange(error, 0, 0.1);
    }

    /// <summary>In bfloat16 a sum of ones ends at 256: what comes after it is less than half of its last place.</summary>
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void The_gradient_of_a_frequent_word_counts_each_time(ScalarType type)
    {
        var cuda = Cuda();
        On(cuda, () =>
        {
            using var scope = NewDisposeScope();
            var table = new Embedding("words", new TorchSharp.Modules.Parameter(zeros(3, 2, type, cuda.TorchDevice)));
            table.AddGradient(full([4, 1000], 1, ScalarType.Int64, cuda.TorchDevice), ones(4, 1000, 2, type, cuda.TorchDevice));
            Assert.Equal([0.0, 0, 4000, 4000, 0, 0], TinyBert.Values(table.Weight.grad!.to(ScalarType.Float64).cpu()), (expected, actual) => Math.Abs(expected - actual) <= 0.005 * expected);
        });
    }

    [Theory]
    [InlineData(96, 1)]
    [InlineData(700, 1)]
    [InlineData(96, 8)]
    public void Structures_go_in_the_same_order(int columns, int size)
    {
        var cuda = Cuda();
        On(cuda, () =>
        {
            using var generator = new Generator(73);
            var x = randn([columns, 4 * columns], float64, generator: generator).relu();
            var (w, h) = (randn([32, columns], float64, generator: generator), x.matmul(x.t()));
            var expected = Surgeon.Remove(w, h, size, 1e-2, "layer", _reporter, CancellationToken.None);
            var actual = Surgeon.Remove(w.to(cuda.TorchDevice), h.to(cuda.TorchDevice), size, 1e-2, "layer", _reporter, CancellationToken.None);
            Assert.Equal(expected.Order, actual.Order);
            TinyBert.AssertClose(expected.Priors, actual.Priors, 1e-9);
            TinyBert.AssertClose(expected.Saliencies, actual.Saliencies, 1e-9);
        });
    }

    [Theory]
    [InlineData("bert classification")]
    [InlineData("bert bare")]
    [InlineData("gpt2 causal")]
    public void Fisher_information_is_that_of_the_CPU(string name)
    {
        var cuda = Cuda();
        using var made = TinyBert.Model(_cpu, 74, TinyFamilies.Describe(name));
        _folder.Write(made);
        using var other = _folder.Open(cuda);
        var expected = On(_cpu, () => FisherInformation.Collect(made.Weights(null, CancellationToken.None), [Batch(CPU, labelled: false)], 5, CancellationToken.None));
        var actual = On(cuda, () => FisherInformation.Collect(other.Weights(null, CancellationToken.None), [Batch(cuda.TorchDevice, labelled: false)], 5, CancellationToken.None));
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        Assert.All(expected, e => TinyBert.AssertClose(Scaled(e.Value), Scaled(actual[e.Key]), 1e-3));

        static double[] Scaled(double[] values) => [.. values.Select(v => v / values.Max())];
    }

    /// <summary>The same seed gives the same dropout, also where blocks are computed a second time.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Training_repeats_itself_and_learns(bool checkpointing)
    {
        var cuda = Cuda();
        using var made = TinyBert.Model(_cpu, 75);
        _folder.Write(made);
        using var student = _folder.Open(cuda);
        var (first, second) = (Curve(), Curve());
        TinyBert.AssertClose(first, second, 1e-3);
        Assert.True(first[^1] < 0.95 * first[0], $"From {first[0]} to {first[^1]}.");

        double[] Curve()
        {
            var reporter = new RecordingReporter();
            using var trained = TrainingFlow.Run(student, null, Text, null,
                new() { Weights = new(1, 0, 0), Epochs = 8, BatchSize = 12, LearningRate = 5e-3, LogSteps = 5, Seed = 9, GradientCheckpointing = checkpointing },
                reporter, CancellationToken.None);
            return [.. reporter.Milestones.OfType<TrainingMetric>().Select(m => m.Loss)];
        }
    }

    /// <summary>From calibration to a model that was measured: nothing on the road is on the wrong device.</summary>
    [Theory]
    [InlineData("bert classification", Precision.Float32)]
    [InlineData("gpt2 causal", Precision.Float32)]
    [InlineData("llama causal", Precision.Float32)]
    [InlineData("distilbert classification", Precision.BFloat16)]
    public void The_whole_road_can_be_walked(string name, Precision precision)
    {
        var cuda = Cuda(precision);
        using var made = TinyBert.Model(_cpu, 76, TinyFamilies.Describe(name));
        _folder.Write(made);
        using var dense = _folder.Open(cuda);
        var table = LatencyFlow.Run(dense, Unlabelled, 1, 16, 3, _reporter, CancellationToken.None);
        Assert.Contains(DeviceInfo.Name(cuda.TorchDevice), table.Environment.ToString(), StringComparison.Ordinal);
        var pruned = new List<Model>();
        OneShotPruning.Run(dense, Unlabelled, new() { Speedups = [1.2], Table = table, CalibrationSamples = 20, SearchTrials = 5, Rounds = 5 }, pruned.Add, _reporter, CancellationToken.None);
        using var result = Assert.Single(pruned);
        Assert.True(result.Parameters < dense.Parameters);
        using var trained = TrainingFlow.Run(result, dense, Unlabelled, null, new() { Weights = new(0, 0, 1), Epochs = 2, BatchSize = 12 }, _reporter, CancellationToken.None);
        On(cuda, () => Assert.All(Answers(TransformerModel.Of(trained)), v => Assert.True(double.IsFinite(v))));
    }

    private TorchSession Cuda(Precision precision = Precision.Float32)
    {
        Assert.SkipUnless(NativeLibraries.HasCuda && cuda.is_available(), "There is no CUDA device.");
        return _cuda ??= TorchSession.Connect(new() { Device = "cuda:0", Threads = SessionFixture.Threads, Seed = 17, Precision = precision }, _reporter);
    }

    private static double[] Answers(TransformerModel model)
    {
        using var gradients = no_grad();
        var weights = model.Weights(null, CancellationToken.None);
        using var batch = Batch(weights.Device);
        Assert.True(batch.IsPadded);
        var output = weights.Forward(batch, new() { Head = true });
        // What stands at padded places is nobody's business.
        var hidden = output.LastHidden[batch.Mask];
        return [.. TinyBert.Values(hidden.cpu()), .. output.Logits is { } logits ? TinyBert.Values((logits.dim() == 3 ? logits[batch.Mask] : logits).cpu()) : []];
    }

    private static Batch Batch(Device device, bool labelled = true)
    {
        var data = labelled ? Data : TinyBert.Encode(Unlabelled);
        return new(PaddedRows.From(data, [.. Enumerable.Range(0, data.Examples.Count)]), device);
    }

    private static void On(TorchSession session, Action work) => On(session, () =>
    {
        work();
        return true;
    });

    private static T On<T>(TorchSession session, Func<T> work) => session.Run(
        () =>
        {
            using var scope = NewDisposeScope();
            return work();
        },
        cancellationToken: CancellationToken.None);
}
