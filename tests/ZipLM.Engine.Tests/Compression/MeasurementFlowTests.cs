using TorchSharp;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Export;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Tests.Models;

namespace ZipLM.Engine.Tests.Compression;

public sealed class MeasurementFlowTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly TextDataset Data = TinyBert.Data(70, seed: 13);

    /// <summary>Accuracy and mean cross-entropy from the logits of each text by itself.</summary>
    [Fact]
    public void Quality_is_that_of_the_logits_text_by_text()
    {
        using var model = TinyBert.Model(fixture.Session, 120);
        var measured = MeasurementFlow.Run(model, null, Data, 1, null, 3, new RecordingReporter(), TestContext.Current.CancellationToken);
        fixture.Run(() =>
        {
            var logits = TinyBert.Rows(TinyBert.Encode(Data)).Select(row => TinyBert.Values(model.Weights(null, CancellationToken.None).Forward(row).Logits!)).ToList();
            var pairs = logits.Zip(Data.Examples, (l, e) => (Logits: l, Label: e.Label!.Value)).ToList();
            Assert.Equal(pairs.Average(p => Array.IndexOf(p.Logits, p.Logits.Max()) == p.Label ? 1.0 : 0), measured.Quality, 1e-12);
            Assert.Equal(pairs.Average(p => Math.Log(p.Logits.Sum(Math.Exp)) - p.Logits[p.Label]), measured.Loss, 1e-5);
        });
        Assert.Equal(("tiny", "toy", "accuracy", 70), (measured.Model, measured.Data, measured.Metric, measured.Samples));
        Assert.Equal(model.Parameters, measured.Parameters);
        Assert.Equal(model.Parameters * 4 / 1e6, measured.SizeMB, 1e-12);
        Assert.True(measured.Milliseconds > 0);
        Assert.True(measured.MillisecondsSpread >= 0);
        Assert.Null(measured.Speedup);
        Assert.Null(measured.QualityChange);
    }

    /// <summary>What 8-bit weights answer and weigh is theirs, and the baseline's is that of its own 8-bit weights.</summary>
    [Theory]
    [InlineData(Precision.Float32, null)]
    [InlineData(Precision.Int8, null)]
    [InlineData(Precision.Int8, "roberta masked")]
    public void In_ONNX_Runtime_quality_and_size_are_those_of_its_program(Precision precision, string? masked)
    {
        var data = masked is null ? Data : new TextDataset("texts", [.. Data.Examples.Select(e => new TextExample(e.Text))], []);
        var description = masked is null ? TinyBert.Describe() : TinyFamilies.Describe(masked);
        using var model = TinyBert.Model(fixture.Session, 140, description);
        using var baseline = TinyBert.Model(fixture.Session, 141, description);
        var measured = MeasurementFlow.Run(model, baseline, data, 1, 8, 3, new RecordingReporter(), TestContext.Current.CancellationToken, runtime: new(InferenceRuntime.OnnxRuntime, precision));
        Assert.Equal((InferenceRuntime.OnnxRuntime, precision), (measured.Environment.Runtime, measured.Environment.Precision));
        fixture.Run(() =>
        {
            var (right, loss) = Judge(model);
            Assert.Equal(right, measured.Quality, 1e-12);
            Assert.Equal(loss, measured.Loss, 1e-5);
            Assert.Equal(right - Judge(baseline).Right, measured.QualityChange!.Value, 1e-12);
            Assert.Equal(OnnxModel.Whole(model.Weights(null, default), precision).ToModel().Graph.Initializer.Sum(i => i.RawData.Length) / 1e6, measured.SizeMB, 1e-12);
            var torch = MeasurementFlow.Run(model, null, data, 1, 8, 3, new RecordingReporter(), TestContext.Current.CancellationToken);
            Assert.Equal(precision == Precision.Float32, Math.Abs(torch.Loss - measured.Loss) < 1e-5);
            Assert.Equal(precision == Precision.Float32, measured.SizeMB > 0.9 * torch.SizeMB);
        });

        // In batches of the same rows: what stands beside a text changes how activations are quantised.
        (double Right, double Loss) Judge(TransformerModel one)
        {
            using var program = new OnnxProgram(OnnxModel.Whole(one.Weights(null, default), precision, head: true), SessionFixture.Threads);
            var (right, losses) = (new List<bool>(), new List<double>());
            foreach (var batch in Engine.Data.Batch.Sequential(one.Encode(data, TinyBert.Positions, default), 64, TorchSharp.torch.CPU))
            {
                using (batch)
                {
                    var answers = program.Run(batch);
                    var targets = batch.Targets!.data<long>().ToArray();
                    var words = answers.Length / targets.Length;
                    foreach (var (i, target) in targets.Index().Where(t => t.Item != Engine.Data.TaskTargets.None))
                    {
                        var scores = answers[(i * words)..((i + 1) * words)];
                        right.Add(Array.IndexOf(scores, scores.Max()) == target);
                        losses.Add(Math.Log(scores.Sum(s => Math.Exp(s))) - scores[target]);
                    }
                }
            }

            return (right.Average(r => r ? 1.0 : 0), losses.Average());
        }
    }

    [Fact]
    public void Without_a_number_of_rounds_it_is_said_when_the_time_does_not_suffice()
    {
        var reporter = new RecordingReporter();
        RoundPlan.Paired(null).WarnIfUncertain("the speedup", 0.0101, 120, reporter);
        Assert.Contains("120 rounds in 20 s the speedup is known within 1.0 % only", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
        RoundPlan.Paired(null).WarnIfUncertain("the speedup", 0.01, 120, reporter);
        RoundPlan.Single(60).WarnIfUncertain("the time", 0.5, 60, reporter);
        Assert.Single(reporter.Warnings);
        Assert.True(RoundPlan.Single(null).IsEnough!([[1, 1, 1, 1]]));
        Assert.False(RoundPlan.Single(null).IsEnough!([[1, 2, 1, 2]]));
    }

    [Fact]
    public void Against_itself_a_model_has_the_same_quality_and_a_speedup_around_one()
    {
        using var model = TinyBert.Model(fixture.Session, 121);
        var measured = MeasurementFlow.Run(model, model, Data, 2, 8, 9, new RecordingReporter(), TestContext.Current.CancellationToken);
        Assert.Equal(0, measured.QualityChange);
        Assert.InRange(measured.Speedup!.Value, 0.2, 5);
        Assert.Equal((9, 2, 8), (measured.Rounds, measured.Environment.BatchSize, measured.Environment.SequenceLength));
        Assert.True(measured.SpeedupSpread >= 0);
    }

    [Fact]
    public void Many_models_need_the_quality_of_their_baseline_once()
    {
        using var model = TinyBert.Model(fixture.Session, 126);
        using var baseline = TinyBert.Model(fixture.Session, 127);
        var known = new MeasuredBaselines();
        var alone = Change(Data, null);
        Assert.NotEqual(0, alone);
        Assert.Equal(alone, Change(Data, known));
        Assert.Equal(alone, Change(Data, known));
        // Known now, and so not measured again; on other data it is.
        var times = 0;
        known.Quality(baseline, Data, () => ++times);
        Assert.Equal(0, times);
        known.Quality(baseline, TinyBert.Data(30, seed: 14), () => ++times);
        known.Quality(model, Data, () => ++times);
        Assert.Equal(2, times);

        double Change(TextDataset data, MeasuredBaselines? baselines) =>
            MeasurementFlow.Run(model, baseline, data, 1, 8, 3, new RecordingReporter(), TestContext.Current.CancellationToken, baselines).QualityChange!.Value;
    }

    /// <summary>One measurement a data set and perturbation, each the same as by itself; the clock runs once.</summary>
    [Fact]
    public void Several_data_sets_and_perturbations_give_a_measurement_each()
    {
        using var model = TinyBert.Model(fixture.Session, 128);
        using var baseline = TinyBert.Model(fixture.Session, 129);
        TextDataset[] sets = [Data, TinyBert.Data(40, seed: 15)];
        var rows = new List<ModelMeasurement>();
        MeasurementFlow.Run(
            model, baseline, sets, new() { Rounds = 3, SequenceLength = 8, Perturbations = [Perturbation.Typo, Perturbation.WordSwap], PerturbationRate = 0.5 }, rows.Add,
            new RecordingReporter(), TestContext.Current.CancellationToken);
        Assert.Equal([null, Perturbation.Typo, Perturbation.WordSwap, null, Perturbation.Typo, Perturbation.WordSwap], rows.Select(r => r.Perturbation));
        Assert.Equal([70, 70, 70, 40, 40, 40], rows.Select(r => r.Samples));
        Assert.Single(rows.Select(r => r.Milliseconds).Distinct());
        foreach (var (i, row) in rows.Index())
        {
            var set = row.Perturbation is { } p ? Engine.Data.Perturbing.Apply(sets[i / 3], p, 0.5, fixture.Session.Seed) : sets[i / 3];
            Assert.Equal(Alone(model, set), row.Quality);
            Assert.Equal(row.Quality - Alone(baseline, set), row.QualityChange!.Value, 1e-12);
            Assert.Equal(row.Perturbation is null ? null : row.Quality - rows[i / 3 * 3].Quality, row.PerturbationChange);
            Assert.Equal(row.Quality, row.Metrics["accuracy"]);
        }

        Assert.Contains(rows, r => r.PerturbationChange is { } change && change != 0);

        double Alone(Model one, TextDataset set) => MeasurementFlow.Run(one, null, set, 1, 8, 3, new RecordingReporter(), TestContext.Current.CancellationToken).Quality;
    }

    [Fact]
    public void A_pruned_model_is_measured_in_the_shape_that_it_was_made_for()
    {
        var environment = new InferenceEnvironment("cpu", "a processor", InferenceRuntime.Torch, Precision.Float32, 3, 9, 1, "2.10.0");
        var result = new PruningResult(2, 2, new(2, 2, 2, 3, 2, 1), environment, new([], 1, 1, 0), "0", "toy", 1, 0, 0, 0);
        using var model = TinyBert.Model(fixture.Session, 124, record: new() { Pruning = result });
        Assert.Equal((3, 9), Shape(null, null));
        Assert.Equal((2, 9), Shape(2, null));
        Assert.Equal((3, 5), Shape(null, 5));

        (int, int) Shape(int? batch, int? length)
        {
            var measured = MeasurementFlow.Run(model, null, Data, batch, length, 3, new RecordingReporter(), TestContext.Current.CancellationToken).Environment;
            return (measured.BatchSize, measured.SequenceLength);
        }
    }

    [Fact]
    public void A_model_that_was_made_for_generated_texts_is_measured_writing_them()
    {
        var environment = new InferenceEnvironment("cpu", "a processor", InferenceRuntime.Torch, Precision.Float32, 1, 9, 1, "2.10.0") { GeneratedTokens = 4 };
        var result = new PruningResult(2, 2, new(2, 2, 2, 3, 2, 1), environment, new([], 1, 1, 0), "0", "toy", 1, 0, 0, 0);
        using var model = TinyBert.Model(fixture.Session, 128, TinyFamilies.Describe("gpt2 causal"), new() { Pruning = result });
        Assert.Equal((9, 4), Shape(null, null));
        Assert.Equal((9, 0), Shape(null, 0));
        Assert.Equal((7, 2), Shape(7, 2));

        (int, int) Shape(int? length, int? generated)
        {
            var measured = MeasurementFlow.Run(model, null, Data, 1, length, 3, new RecordingReporter(), TestContext.Current.CancellationToken, generatedTokens: generated).Environment;
            return (measured.SequenceLength, measured.GeneratedTokens);
        }
    }

    [Fact]
    public void A_baseline_of_another_session_is_refused()
    {
        using var model = TinyBert.Model(fixture.Session, 125);
        using var session = SessionFixture.Connect();
        using var baseline = TinyBert.Model(session, 125);
        var error = Assert.Throws<ZipLMException>(() => MeasurementFlow.Run(model, baseline, Data, 1, 8, 3, new RecordingReporter(), TestContext.Current.CancellationToken));
        Assert.Equal("ZipLM.SessionMismatch", error.ErrorId);
        Assert.Contains("-Baseline", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_without_labels_is_refused()
    {
        using var model = TinyBert.Model(fixture.Session, 122);
        var data = new TextDataset("texts", [new("w1")], []);
        var error = Assert.Throws<ZipLMException>(() => MeasurementFlow.Run(model, null, data, 1, 8, 3, new RecordingReporter(), TestContext.Current.CancellationToken));
        Assert.Equal("ZipLM.DatasetUnlabelled", error.ErrorId);
    }

    [Fact]
    public void A_model_without_a_head_is_refused()
    {
        using var model = TinyBert.Model(fixture.Session, 123, TinyBert.Describe(change: c => c["architectures"]![0] = "BertModel"));
        var error = Assert.Throws<ZipLMException>(() => MeasurementFlow.Run(model, null, Data, 1, 8, 3, new RecordingReporter(), TestContext.Current.CancellationToken));
        Assert.Equal("ZipLM.ModelHeadMissing", error.ErrorId);
    }
}
