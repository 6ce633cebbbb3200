using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Compression;

/// <summary>The whole road on a tiny model: what a result is and says.</summary>
public sealed class OneShotPruningTests(SessionFixture fixture) : PruningTests(fixture)
{
    [Fact]
    public void The_result_says_what_was_asked_predicted_and_measured()
    {
        using var model = TinyBert.Model(Session, 60);
        var table = MadeUpTable.Of(model);
        using var pruned = Prune(model, 2, table);
        var result = pruned.Pruning!;
        Assert.Equal(2, result.TargetSpeedup);
        Assert.Equal(2, pruned.TargetSpeedup);
        Assert.Equal(table.DenseMilliseconds / table.Predict(pruned.Layers), result.PredictedSpeedup, 1e-12);
        Assert.Equal(table.Predict(pruned.Layers), result.Plan.PredictedMilliseconds, 1e-12);
        Assert.True(result.Plan.PredictedMilliseconds <= result.Plan.BudgetMilliseconds * (1 + 1e-12));
        Assert.Equal(5, result.Measured.Rounds);
        Assert.Equal(result.Measured.Ratio, pruned.MeasuredSpeedup);
        Assert.True(result.Measured.Low <= result.Measured.Ratio && result.Measured.Ratio <= result.Measured.High);
        Assert.Equal(table.Environment, result.Environment);
        Assert.Equal(table.Fingerprint, result.TableFingerprint);
        Assert.Equal(("toy", 1e-2, Session.Seed), (result.CalibrationData, result.Damping, result.Seed));
        Assert.InRange(result.CalibrationSamples, 20, 40);
        Assert.InRange(result.Corrections, 0, 5);
    }

    [Fact]
    public void The_model_is_as_small_as_its_plan_says_and_not_saved()
    {
        using var model = TinyBert.Model(Session, 61);
        using var pruned = Prune(model, 2, MadeUpTable.Of(model));
        Assert.Equal(ModelState.NotSaved, pruned.State);
        Assert.Null(pruned.Path);
        Assert.Equal("tiny-2x", pruned.Name);
        Assert.Equal(pruned.Pruning!.Plan.Layers, pruned.Layers);
        Assert.True(pruned.Parameters < model.Parameters);
        Fixture.Run(() =>
        {
            var weights = TransformerModel.Of(pruned).Weights(null, CancellationToken.None);
            Assert.Equal(pruned.Layers, weights.Shapes);
            Assert.Equal(pruned.Parameters, TinyBert.ParameterCount(weights));
        });
        Assert.Equal([(4, 24), (4, 24)], model.Layers.Select(l => (l.Heads, l.Width)));
        Assert.Contains(pruned, Session.Models);
    }

    /// <summary>Its weights are those of the stitched model: what was measured is what the user gets.</summary>
    [Fact]
    public void The_model_computes_what_the_stitched_one_does()
    {
        using var model = TinyBert.Model(Session, 62);
        using var pruned = Prune(model, 2, MadeUpTable.Of(model));
        Fixture.Run(() =>
        {
            var dense = model.Weights(null, CancellationToken.None);
            using var calibration = new Calibration(model, Text, 40, Reporter, CancellationToken.None);
            var statistics = calibration.Statistics(Reporter, CancellationToken.None);
            using var store = PruningStore.Build(dense, statistics, 1e-2, Reporter, CancellationToken.None);
            using var stitched = Stitcher.Stitch(dense, store, pruned.Layers);
            using var batch = TinyBert.Batch(TinyBert.Encode(Text));
            TinyBert.AssertTensorsClose(stitched.Forward(batch).Logits!, TransformerModel.Of(pruned).Weights(null, CancellationToken.None).Forward(batch).Logits!, 1e-5);
        });
    }

    [Fact]
    public void The_result_says_what_the_search_did()
    {
        using var model = TinyBert.Model(Session, 62);
        using var pruned = Prune(model, 2, MadeUpTable.Of(model));
        Assert.InRange(pruned.Pruning!.Search!.Trials, 200, 1000);
        Assert.Equal(4, pruned.Pruning.Search.Coefficients.Count);
    }

    [Fact]
    public void It_measures_a_table_when_it_has_none()
    {
        using var model = TinyBert.Model(Session, 63);
        using var pruned = Assert.Single(Run(model, Text, new() { Speedups = [1.05], Rounds = 3, CalibrationSamples = 20 }));
        Assert.InRange(pruned.Pruning!.Environment.SequenceLength, 4, TinyBert.Positions);
        Assert.Equal(1, pruned.Pruning.Environment.BatchSize);
        Assert.True(pruned.Pruning.PredictedSpeedup >= 1.05 || pruned.Pruning.Corrections > 0);
    }

    [Fact]
    public void A_gradual_run_never_grows_a_level_and_keeps_the_base()
    {
        using var folder = new ModelFolder();
        using var model = TinyBert.Model(Session, 64);
        folder.Write(model);
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(folder.File("model.safetensors"))));
        var table = MadeUpTable.Of(model);
        var models = new List<Model> { model };
        foreach (var target in new[] { 1.3, 1.8, 2.6 })
        {
            models.Add(Prune(models[^1], target, table));
        }

        foreach (var (before, after) in models.Zip(models.Skip(1)))
        {
            Assert.All(before.Layers.Zip(after.Layers), pair => Assert.True(pair.Second.Heads <= pair.First.Heads && pair.Second.Width <= pair.First.Width));
            Assert.Equal(folder.Path, after.Record.BaseModel);
            Assert.Equal(hash, after.Record.BaseHash);
        }

        Assert.Equal((4, 24), (models[^1].DenseHeads, models[^1].DenseWidth));
        Assert.All(models.Skip(1), m => m.Dispose());
    }

    /// <summary>A model with a width that the grid of levels does not have, as another tool may leave it, can still be pruned.</summary>
    [Fact]
    public void A_model_whose_levels_are_off_the_grid_can_be_pruned()
    {
        using var model = TinyBert.Model(Session, 65, TinyBert.Describe([(3, 23), (4, 1)]));
        Assert.DoesNotContain(23, LevelGrid.Widths(TinyBert.Width));
        using var pruned = Prune(model, 1.5, MadeUpTable.Of(model));
        Assert.True(pruned.Layers[0].Width <= 23);
    }

    [Fact]
    public void Several_targets_give_one_model_each_from_the_same_dense_model()
    {
        using var model = TinyBert.Model(Session, 78);
        var models = Run(model, Text, new() { Speedups = [1.5, 3], Table = MadeUpTable.Of(model), Rounds = 5, CalibrationSamples = 40 });
        Assert.Equal([1.5, 3], models.Select(m => m.TargetSpeedup!.Value));
        Assert.Equal(["tiny-1.5x", "tiny-3x"], models.Select(m => m.Name));
        models.ForEach(m => m.Dispose());
    }

    [Fact]
    public void A_table_of_generated_texts_brings_their_length_along()
    {
        using var model = TinyBert.Model(Session, 84, TinyFamilies.Describe("gpt2 causal"));
        var options = new PruningOptions { Speedups = [2], Table = MadeUpTable.Of(model, e => e with { GeneratedTokens = 3 }), Rounds = 3, CalibrationSamples = 20, SearchTrials = 5 };
        using var pruned = Assert.Single(Run(model, Text, options));
        Assert.Equal(options.Table.Environment, pruned.Pruning!.Environment);
        foreach (var other in new[] { 0, 4 })
        {
            var error = Assert.Throws<ZipLMException>(() => Run(model, Text, options with { GeneratedTokens = other }));
            Assert.Equal("ZipLM.LatencyTableShape", error.ErrorId);
            Assert.Contains($"{other} generated tokens, is asked for", error.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Without a table one is measured in the runtime that was asked for; that it begins so is enough to know.</summary>
    [Fact]
    public void A_runtime_without_a_table_is_where_one_is_measured()
    {
        using var model = TinyBert.Model(Session, 75);
        using var source = new CancellationTokenSource();
        var measured = "";
        var reporter = new RecordingReporter
        {
            OnVerbose = message =>
            {
                if (message.StartsWith("Measuring ", StringComparison.Ordinal))
                {
                    measured = message;
                    source.Cancel();
                }
            },
        };
        var options = new PruningOptions { Speedups = [2], Runtime = new(InferenceRuntime.OnnxRuntime, Precision.Int8), CalibrationSamples = 16, SequenceLength = 16 };
        Assert.Throws<OperationCanceledException>(() => OneShotPruning.Run(model, Text, options, _ => Assert.Fail("It was stopped."), reporter, source.Token));
        Assert.Contains("OnnxRuntime", measured, StringComparison.Ordinal);
        Assert.Contains("Int8", measured, StringComparison.Ordinal);

        // With a table of another runtime, what was asked for is what the table is compared with.
        var error = Assert.Throws<ZipLMException>(() => Run(model, Text, options with { Table = MadeUpTable.Of(model), SequenceLength = null }));
        Assert.Equal("ZipLM.LatencyTableEnvironment", error.ErrorId);
    }

    [Fact]
    public void Calibration_data_is_what_was_given_else_what_is_recorded_else_the_sessions()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(file, ["text", .. Text.Examples.Select(e => e.Text)]);
            using var session = SessionFixture.Connect(calibrationData: Renamed("of the session"));
            using var bare = TinyBert.Model(session, 73);
            using var recorded = TinyBert.Model(session, 73, record: new() { TrainingData = new(file, "csv", "text") });
            Assert.Equal("of the session", Resolve(bare, null).Name);
            Assert.Equal(file, Resolve(recorded, null).Reference!.Path);
            using var moved = TinyBert.Model(session, 73, record: new() { TrainingData = new(file + ".moved", "csv", "text") });
            Assert.Equal("of the session", Resolve(moved, null).Name);
            using var alone = TinyBert.Model(Session, 73, record: new() { TrainingData = new(file + ".moved", "csv", "text") });
            var error = Assert.Throws<ZipLMException>(() => Resolve(alone, null));
            Assert.Equal("ZipLM.RecordedDataMissing", error.ErrorId);
            Assert.Contains("-CalibrationData", error.Remedy, StringComparison.Ordinal);
            Assert.Equal("given", Resolve(recorded, Renamed("given")).Name);
        }
        finally
        {
            File.Delete(file);
        }

        TextDataset Resolve(TransformerModel model, TextDataset? given) =>
            CalibrationSource.Resolve(model, given, () => throw new InvalidOperationException("Nobody asks the hub."), Reporter, CancellationToken.None);

        static TextDataset Renamed(string name) => new(name, Text.Examples, Text.Labels);
    }

    [Fact]
    public void A_model_without_a_head_can_be_pruned()
    {
        using var model = TinyBert.Model(Session, 74, TinyBert.Describe(change: c => c["architectures"]![0] = "BertModel"));
        using var pruned = Prune(model, 2, MadeUpTable.Of(model));
        Assert.Equal(ModelTask.FeatureExtraction, pruned.Task);
    }

    [Fact]
    public void In_bfloat16_it_works_as_well()
    {
        using var session = SessionFixture.Connect(Precision.BFloat16);
        using var model = TinyBert.Model(session, 75);
        using var pruned = Prune(model, 2, MadeUpTable.Of(model));
        Assert.Equal(Precision.BFloat16, pruned.Pruning!.Environment.Precision);
        Assert.Equal(pruned.Parameters * 2, TransformerModel.Of(pruned).Weights(null, CancellationToken.None).Bytes);
    }

    [Fact]
    public void A_pruned_model_exports_and_reloads_with_its_result()
    {
        using var folder = new ModelFolder();
        using var model = TinyBert.Model(Session, 76);
        using var pruned = Prune(model, 2, MadeUpTable.Of(model));
        folder.Write(pruned);
        using var again = folder.Open(Session);
        Assert.Equal(pruned.Layers, again.Layers);
        Assert.Equal(pruned.Pruning!.Measured, again.Pruning!.Measured);
        Assert.Equal(pruned.Pruning.Plan.Layers, again.Pruning.Plan.Layers);
        Assert.Equal((pruned.Pruning.Loss, LossMeasure.KLDivergence, true), (again.Pruning.Loss, again.Pruning.LossMeasure, again.Pruning.Repair));
    }

    [Fact]
    public void It_stops_when_asked_and_leaves_no_model_behind()
    {
        using var model = TinyBert.Model(Session, 77);
        using var source = new CancellationTokenSource();
        var reporter = new RecordingReporter { OnProgress = _ => source.Cancel() };
        var before = Session.Models.Count;
        Assert.Throws<OperationCanceledException>(() => OneShotPruning.Run(model, Text, new() { Speedups = [2], Table = MadeUpTable.Of(model) }, _ => { }, reporter, source.Token));
        Assert.Equal(before, Session.Models.Count);
        Assert.True(model.IsResident);
    }

    [Fact]
    public void The_loss_needs_no_labels_and_none_of_another_task()
    {
        using var model = TinyBert.Model(Session, 87);
        using var unlabelled = Prune(model, 2, MadeUpTable.Of(model));
        Assert.Equal((LossMeasure.KLDivergence, 0.0), (unlabelled.Pruning!.LossMeasure, unlabelled.Pruning.DenseLoss));
        Assert.True(unlabelled.Pruning.Loss > 0);

        var foreign = new TextDataset("other task", [.. Text.Examples.Select((e, i) => e with { Label = i % 2 })], ["spam", "ham"]);
        using var other = Assert.Single(Run(model, foreign, new() { Speedups = [2], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 20 }));
        Assert.Equal(LossMeasure.KLDivergence, other.Pruning!.LossMeasure);
    }

    /// <summary>In a gradual run the answers to come near to are the dense model's, not those of the member before.</summary>
    [Fact]
    public void Without_labels_the_loss_compares_with_the_dense_model_that_is_given()
    {
        using var dense = TinyBert.Model(Session, 90);
        using var before = Prune(dense, 1.5, MadeUpTable.Of(dense));
        var pruned = Run(before, Text, new() { Speedups = [2.5], Table = MadeUpTable.Of(dense), Rounds = 3, CalibrationSamples = 20, Dense = dense });
        Fixture.Run(() =>
        {
            using var calibration = new Calibration(TransformerModel.Of(dense), Text, 20, Reporter, CancellationToken.None);
            using var loss = calibration.Loss(Reporter, CancellationToken.None);
            Assert.Equal(loss.Of(TransformerModel.Of(pruned[0]).Weights(null, CancellationToken.None), CancellationToken.None), Assert.Single(pruned).Pruning!.Loss!.Value, 1e-5);
        });
        pruned[0].Dispose();
    }
}
