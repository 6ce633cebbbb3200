using TorchSharp;
using Xunit;
using ZipLM.Engine.Compression;
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
        Assert.Null(measured.Speedup);
        Assert.Null(measured.QualityChange);
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
