using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Distillation;

namespace ZipLM.Engine.Tests.Export;

/// <summary>What README.md says of a model's training and quality.</summary>
public sealed class ModelCardTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private static readonly PruningResult Pruning = new(
        2, 2.1, new(2, 1.9, 2.1, 9, 4.2, 30),
        new("cpu", "a processor", InferenceRuntime.Torch, Precision.Float32, 1, 8, 1, "2"),
        new([], 1, 1, 0), "abc", "toy", 20, 0.01, 0, 0) { Loss = 0.5, DenseLoss = 0.25, LossMeasure = LossMeasure.CrossEntropy };

    private readonly ModelFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Card(Model model) => File.ReadAllText(_folder.Write(model).File("README.md"));

    [Fact]
    public void What_was_trained_and_measured_is_told_and_read_again()
    {
        using var model = TinyBert.Model(fixture.Session, 90);
        Assert.DoesNotContain("training", Card(model), StringComparison.Ordinal);
        var data = TinyBert.Data(12, 91);
        using var trained = TrainingFlow.Run(model, model, data, null, new() { Epochs = 1, BatchSize = 4, LearningRate = 0.00025, Weights = new(1, 0.5, 0) }, new RecordingReporter(), TestContext.Current.CancellationToken);
        var measured = MeasurementFlow.Run(trained, model, data, 1, 8, 3, new RecordingReporter(), TestContext.Current.CancellationToken);
        Assert.Equal(new("toy", 1, 4, 0.00025, 1, 0.5, 0, "tiny"), trained.Record.Training);
        var card = Card(trained);
        Assert.Contains("- training: 1 epoch(s) of toy, batches of 4, learning rate up to 0.00025\n- teacher: tiny; weights of the losses: task 1, its answers 0.5, its hidden states 0\n", card, StringComparison.Ordinal);
        Assert.Contains("On 12 rows of toy:", card, StringComparison.Ordinal);
        Assert.Contains(FormattableString.Invariant($"| accuracy | {measured.Quality:0.####} ("), card, StringComparison.Ordinal);
        Assert.Contains("InferenceSession(\"model.onnx\")", card, StringComparison.Ordinal);
        using var again = _folder.Open(fixture.Session);
        Assert.Equal(trained.Record.Training, again.Record.Training);
        Assert.Equal(measured.Metrics, again.Record.Quality!.Metrics);
        // Other weights have another quality.
        using var more = TrainingFlow.Run(again, null, data, null, new() { Epochs = 1, BatchSize = 4 }, new RecordingReporter(), TestContext.Current.CancellationToken);
        Assert.Null(more.Record.Quality);
        Assert.Null(more.Record.Training!.Teacher);
    }

    [Theory]
    [InlineData(false, "there was no training after the pruning")]
    [InlineData(true, "before the training below")]
    public void The_loss_of_the_pruning_is_from_before_the_training(bool isTrained, string expected)
    {
        using var model = TinyBert.Model(fixture.Session, 92, record: new() { Pruning = Pruning, Training = isTrained ? new("toy", 1, 4, 1e-4, 1, 0, 0) : null });
        Assert.Contains(expected, Card(model), StringComparison.Ordinal);
    }
}
