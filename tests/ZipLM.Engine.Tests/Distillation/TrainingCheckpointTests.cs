using System.Text.Json;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;
using ZipLM.Engine.Tests.Storage;

namespace ZipLM.Engine.Tests.Distillation;

/// <summary>Runs that are stopped and go on, with dropout, a cached teacher, projections and validation.</summary>
[Collection(AloneCollection.Name)]
public sealed class TrainingCheckpointTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private static readonly TextDataset Data = TinyBert.Data(24, seed: 21);
    private static readonly TextDataset Validation = TinyBert.Data(20, seed: 22);
    private readonly TempFolder _folder = new();

    private static TrainingOptions Options => new()
    {
        Epochs = 4, BatchSize = 8, LearningRate = 3e-3, LogSteps = 2, Weights = new(0.7, 0.6, 0.4), Schedule = LearningRateSchedule.Cosine,
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(11)]
    public void A_run_that_was_stopped_ends_with_the_same_weights_and_curve(int stopAfter)
    {
        var options = Options with { KeepBest = true };
        var (whole, wholeCurve) = Train(options with { CheckpointPath = Path("whole") });
        Stop(options with { CheckpointPath = Path("stopped") }, stopAfter);
        var reporter = new RecordingReporter();
        var (resumed, rest) = Train(options with { CheckpointPath = Path("stopped") }, reporter);
        Assert.Contains(reporter.VerboseMessages, m => m.Contains($"after step {stopAfter}", StringComparison.Ordinal));
        Assert.Equal(whole, resumed);
        Assert.True(rest.Count < wholeCurve.Count || stopAfter < 2, "It began anew.");
        Assert.Equal(Numbers(Lines("whole")), Numbers(Lines("stopped")));
        Assert.Equal(Numbers(wholeCurve), Numbers(Lines("whole")));
    }

    [Fact]
    public void A_run_that_was_through_gives_its_result_without_a_step()
    {
        var options = Options with { CheckpointPath = Path("run") };
        var (whole, curve) = Train(options);
        var (again, rest) = Train(options);
        Assert.Equal(whole, again);
        Assert.Empty(rest);
        Assert.Equal(curve.Count, Lines("run").Count);
        // The teacher's answers are no longer needed.
        Assert.Equal([".lock", "checkpoint.safetensors", "metrics.jsonl"], Directory.GetFiles(Path("run")).Select(f => System.IO.Path.GetFileName(f)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Without_a_checkpoint_the_weights_are_the_same()
    {
        Assert.Equal(Train(Options with { CheckpointPath = Path("run") }).Weights, Train(Options).Weights);
    }

    [Fact]
    public void Metrics_after_the_checkpoint_and_a_line_cut_short_are_made_again()
    {
        var options = Options with { CheckpointPath = Path("run") };
        Stop(options, 5);
        var file = System.IO.Path.Combine(Path("run"), "metrics.jsonl");
        File.AppendAllText(file, JsonSerializer.Serialize(Lines("run")[^1] with { Step = 8 }) + "\n{\"Step\":10,\"To");
        Train(options);
        Assert.Equal([2, 3, 4, 6, 8, 9, 10, 12], Lines("run").Select(m => m.Step));
    }

    /// <summary>As after a run that the system ended because memory was short: the same is learnt, but for rounding.</summary>
    [Fact]
    public void A_run_goes_on_in_smaller_parts()
    {
        var options = Options with { CheckpointPath = Path("run") };
        var (whole, _) = Train(Options);
        Stop(options, 5);
        var reporter = new RecordingReporter();
        var (resumed, _) = Train(options with { MicroBatchSize = 3 }, reporter);
        Assert.Contains("micro-batch size 8 instead of 3", Assert.Single(reporter.Warnings, w => w.Contains("was begun with", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains(reporter.VerboseMessages, m => m.Contains("after step 5", StringComparison.Ordinal));
        Assert.NotEqual(whole, resumed);
    }

    [Fact]
    public void A_checkpoint_of_another_run_is_refused_with_what_differs()
    {
        Stop(Options with { CheckpointPath = Path("run") }, 2);
        var error = Assert.Throws<ZipLMException>(() => Train(Options with { CheckpointPath = Path("run"), LearningRate = 1e-3, Seed = 99 }));
        Assert.Equal("ZipLM.TrainingCheckpointMismatch", error.ErrorId);
        Assert.Contains("learning rate 0.003 instead of 0.001", error.Message, StringComparison.Ordinal);
        Assert.Contains("seed 17 instead of 99", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("student", error.Message, StringComparison.Ordinal);

        error = Assert.Throws<ZipLMException>(() => Train(Options with { CheckpointPath = Path("run") }, student: 151));
        Assert.Contains("student", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ZipLMException>(() => Train(Options with { CheckpointPath = Path("run") }, teacher: 152));
        Assert.Contains("teacher", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_checkpoint_is_refused()
    {
        Directory.CreateDirectory(Path("run"));
        SafeTensorsWriter.WriteFile(System.IO.Path.Combine(Path("run"), "checkpoint.safetensors"), [], SafeTensorsWriter.TorchMetadata, CancellationToken.None);
        var error = Assert.Throws<ZipLMException>(() => Train(Options with { CheckpointPath = Path("run") }));
        Assert.Equal("ZipLM.TrainingCheckpointInvalid", error.ErrorId);
    }

    [Fact]
    public void Two_trainings_cannot_share_a_directory()
    {
        using var other = new TrainingCheckpoint(Path("run"), new(new Dictionary<string, string>()));
        var error = Assert.Throws<ZipLMException>(() => Train(Options with { CheckpointPath = Path("run") }));
        Assert.Equal("ZipLM.TrainingCheckpointInUse", error.ErrorId);
    }

    [Fact]
    public void A_loss_that_is_not_finite_names_the_step_and_leaves_the_last_good_checkpoint()
    {
        var options = Options with { CheckpointPath = Path("run"), LearningRate = 1e30, WarmUp = 0, Weights = new(1, 0, 0), CheckpointInterval = TimeSpan.Zero };
        var error = Assert.Throws<ZipLMException>(() => Train(options));
        Assert.Equal("ZipLM.TrainingDiverged", error.ErrorId);
        var rows = BatchSampler.Shuffled(TinyBert.Encode(Data).Lengths, 8, fixture.Session.Seed, 0)[1].Order().Select(r => r + 1);
        Assert.Contains($"in step 2, with rows {string.Join(", ", rows)} of", error.Message, StringComparison.Ordinal);
        using (var stored = SafeTensorsFile.Open(System.IO.Path.Combine(Path("run"), "checkpoint.safetensors")))
        {
            Assert.Contains("\"Step\":1,", stored.Metadata["state"], StringComparison.Ordinal);
        }

        // It goes on from the last good step to the same error: what was stored is a state that the run was in.
        Assert.Equal(error.Message, Assert.Throws<ZipLMException>(() => Train(options)).Message);
    }

    /// <summary>Other free space at the second start would change what is learnt from: answers in half precision or not.</summary>
    [Fact]
    public void A_run_that_goes_on_keeps_to_asking_its_teacher_or_to_the_cache()
    {
        var options = Options with { CheckpointPath = Path("run") };
        Stop(options, 3);
        Assert.Contains("\"CachesTeacher\":true", Stored(), StringComparison.Ordinal);
        Stop(options, 5);
        Edit("\"CachesTeacher\":true", "\"CachesTeacher\":false");
        var reporter = new RecordingReporter();
        Train(options, reporter);
        Assert.Contains(reporter.VerboseMessages, m => m.Contains("as it was before the stop", StringComparison.Ordinal));

        string Stored()
        {
            using var file = SafeTensorsFile.Open(System.IO.Path.Combine(Path("run"), "checkpoint.safetensors"));
            return file.Metadata["state"];
        }

        void Edit(string from, string to)
        {
            var name = System.IO.Path.Combine(Path("run"), "checkpoint.safetensors");
            var bytes = File.ReadAllBytes(name);
            var length = (int)BitConverter.ToInt64(bytes);
            var header = System.Text.Encoding.UTF8.GetString(bytes, 8, length).Replace(from.Replace("\"", "\\\"", StringComparison.Ordinal), to.Replace("\"", "\\\"", StringComparison.Ordinal), StringComparison.Ordinal);
            var text = System.Text.Encoding.UTF8.GetBytes(header.TrimEnd(' '));
            text = [.. text, .. Enumerable.Repeat((byte)' ', -text.Length & 7)];
            File.WriteAllBytes(name, [.. BitConverter.GetBytes((long)text.Length), .. text, .. bytes.Skip(8 + length)]);
        }
    }

    [Fact]
    public void What_a_kill_left_half_written_goes_at_the_next_start()
    {
        Directory.CreateDirectory(Path("run"));
        var strays = new[] { "checkpoint.safetensors", "teacher.safetensors", "metrics.jsonl" }.Select(f => TemporaryName.Beside(System.IO.Path.Combine(Path("run"), f), TemporaryName.Unfinished)).ToList();
        strays.ForEach(s => File.WriteAllText(s, "half"));
        using var checkpoint = new TrainingCheckpoint(Path("run"), new(new Dictionary<string, string>()));
        Assert.Equal([".lock"], Directory.GetFiles(Path("run")).Select(f => System.IO.Path.GetFileName(f)));
    }

    private string Path(string name) => _folder[name];

    private List<TrainingMetric> Lines(string name) =>
        [.. File.ReadLines(System.IO.Path.Combine(Path(name), "metrics.jsonl")).Select(l => JsonSerializer.Deserialize<TrainingMetric>(l)!)];

    /// <summary>What does not depend on the clock.</summary>
    private static IEnumerable<object?> Numbers(IEnumerable<TrainingMetric> curve) =>
        curve.Select(m => (object?)(m.Step, m.Loss, m.TaskLoss, m.LogitLoss, m.TokenLoss, m.LearningRate, m.Validation));

    private (double[] Weights, List<TrainingMetric> Curve) Train(TrainingOptions options, RecordingReporter? reporter = null, int student = 150, int teacher = 149) =>
        Run(options, reporter ?? new(), student, teacher, TestContext.Current.CancellationToken);

    private (double[] Weights, List<TrainingMetric> Curve) Run(TrainingOptions options, RecordingReporter reporter, int student, int teacher, CancellationToken cancellationToken)
    {
        using var start = TinyBert.Model(fixture.Session, student, TinyBert.Describe([(2, 9), (3, 0)]));
        using var dense = TinyBert.Model(fixture.Session, teacher);
        using var trained = TrainingFlow.Run(start, dense, Data, Validation, options, reporter, cancellationToken);
        double[] weights = [];
        fixture.Run(() => weights = TrainingRig.Weights(TransformerModel.Of(trained).Weights(null, CancellationToken.None)));
        return (weights, [.. reporter.Milestones.OfType<TrainingMetric>()]);
    }

    private void Stop(TrainingOptions options, int after)
    {
        using var source = new CancellationTokenSource();
        var reporter = new RecordingReporter
        {
            OnProgress = update =>
            {
                if (update.Activity == "Training" && update.Done >= after)
                {
                    source.Cancel();
                }
            },
        };
        Assert.ThrowsAny<OperationCanceledException>(() => Run(options, reporter, 150, 149, source.Token));
    }
}
