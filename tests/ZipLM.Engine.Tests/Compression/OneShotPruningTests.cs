using System.Globalization;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Compression;

/// <summary>
/// The whole road on a tiny model. Where the plan matters, the times come from a made-up table, so that nothing hangs on
/// how fast this machine is just now.
/// </summary>
public sealed class OneShotPruningTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly TextDataset Text = TinyBert.Unlabelled(TinyBert.Data(60, seed: 10));
    private readonly RecordingReporter _reporter = new();

    [Fact]
    public void The_result_says_what_was_asked_predicted_and_measured()
    {
        using var model = TinyBert.Model(fixture.Session, 60);
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
        Assert.Equal(("toy", 1e-2, fixture.Session.Seed), (result.CalibrationData, result.Damping, result.Seed));
        Assert.InRange(result.CalibrationSamples, 20, 40);
        Assert.InRange(result.Corrections, 0, 5);
    }

    [Fact]
    public void The_model_is_as_small_as_its_plan_says_and_not_saved()
    {
        using var model = TinyBert.Model(fixture.Session, 61);
        using var pruned = Prune(model, 2, MadeUpTable.Of(model));
        Assert.Equal(ModelState.NotSaved, pruned.State);
        Assert.Null(pruned.Path);
        Assert.Equal("tiny-2x", pruned.Name);
        Assert.Equal(pruned.Pruning!.Plan.Layers, pruned.Layers);
        Assert.True(pruned.Parameters < model.Parameters);
        fixture.Run(() =>
        {
            var weights = TransformerModel.Of(pruned).Weights(null, CancellationToken.None);
            Assert.Equal(pruned.Layers, weights.Shapes);
            Assert.Equal(pruned.Parameters, TinyBert.ParameterCount(weights));
        });
        Assert.Equal([(4, 24), (4, 24)], model.Layers.Select(l => (l.Heads, l.Width)));
        Assert.Contains(pruned, fixture.Session.Models);
    }

    /// <summary>Its weights are those of the stitched model: what was measured is what the user gets.</summary>
    [Fact]
    public void The_model_computes_what_the_stitched_one_does()
    {
        using var model = TinyBert.Model(fixture.Session, 62);
        using var pruned = Prune(model, 2, MadeUpTable.Of(model));
        fixture.Run(() =>
        {
            var dense = model.Weights(null, CancellationToken.None);
            using var calibration = new Calibration(model, Text, 40, _reporter, CancellationToken.None);
            var statistics = calibration.Statistics(_reporter, CancellationToken.None);
            using var store = PruningStore.Build(dense, statistics, 1e-2, _reporter, CancellationToken.None);
            using var stitched = Stitcher.Stitch(dense, store, pruned.Layers);
            using var batch = TinyBert.Batch(TinyBert.Encode(Text));
            TinyBert.AssertTensorsClose(stitched.Forward(batch).Logits!, TransformerModel.Of(pruned).Weights(null, CancellationToken.None).Forward(batch).Logits!, 1e-5);
        });
    }

    [Fact]
    public void The_result_says_what_the_search_did()
    {
        using var model = TinyBert.Model(fixture.Session, 62);
        using var pruned = Prune(model, 2, MadeUpTable.Of(model));
        Assert.InRange(pruned.Pruning!.Search!.Trials, 200, 1000);
        Assert.Equal(4, pruned.Pruning.Search.Coefficients.Count);
    }

    [Fact]
    public void It_measures_a_table_when_it_has_none()
    {
        using var model = TinyBert.Model(fixture.Session, 63);
        using var pruned = Assert.Single(Run(model, Text, new() { Speedups = [1.05], Rounds = 3, CalibrationSamples = 20 }));
        Assert.InRange(pruned.Pruning!.Environment.SequenceLength, 4, TinyBert.Positions);
        Assert.Equal(1, pruned.Pruning.Environment.BatchSize);
        Assert.True(pruned.Pruning.PredictedSpeedup >= 1.05 || pruned.Pruning.Corrections > 0);
    }

    [Fact]
    public void A_gradual_run_never_grows_a_level_and_keeps_the_base()
    {
        using var folder = new ModelFolder();
        using var model = TinyBert.Model(fixture.Session, 64);
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
        using var model = TinyBert.Model(fixture.Session, 65, TinyBert.Describe([(3, 23), (4, 1)]));
        Assert.DoesNotContain(23, LevelGrid.Widths(TinyBert.Width));
        using var pruned = Prune(model, 1.5, MadeUpTable.Of(model));
        Assert.True(pruned.Layers[0].Width <= 23);
    }

    [Fact]
    public void Several_targets_give_one_model_each_from_the_same_dense_model()
    {
        using var model = TinyBert.Model(fixture.Session, 78);
        var models = Run(model, Text, new() { Speedups = [1.5, 3], Table = MadeUpTable.Of(model), Rounds = 5, CalibrationSamples = 40 });
        Assert.Equal([1.5, 3], models.Select(m => m.TargetSpeedup!.Value));
        Assert.Equal(["tiny-1.5x", "tiny-3x"], models.Select(m => m.Name));
        models.ForEach(m => m.Dispose());
    }

    [Fact]
    public void One_target_out_of_reach_is_refused_before_any_model_is_made()
    {
        using var model = TinyBert.Model(fixture.Session, 79);
        var models = new List<Model>();
        Assert.Throws<ZipLMException>(() => OneShotPruning.Run(
            model, Text, new() { Speedups = [1.5, 20], Table = MadeUpTable.Of(model) }, models.Add, _reporter, TestContext.Current.CancellationToken));
        Assert.Empty(models);
    }

    /// <summary>Rows of Get-StructureSaliency stand for the surgeon's pass: the order, the priors and so the store are the same.</summary>
    [Theory]
    [InlineData(1e-2)]
    [InlineData(0)]
    public void From_saliency_rows_every_level_is_rebuilt_as_from_the_surgeon(double damping)
    {
        using var model = TinyBert.Model(fixture.Session, 80);
        fixture.Run(() =>
        {
            // Two neurons that do the same make their statistics singular: both ways must raise the damping.
            using var gradients = no_grad();
            var parameters = model.Weights(null, CancellationToken.None).Parameters.ToDictionary(p => p.Name, p => p.Parameter);
            foreach (var part in new[] { "weight", "bias" })
            {
                var parameter = parameters[$"bert.encoder.layer.0.intermediate.dense.{part}"];
                parameter[5] = parameter[9];
            }
        });
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(model, Text, new() { CalibrationSamples = 40, Dampings = [damping] }, rows.Add, new RecordingReporter(), TestContext.Current.CancellationToken);
        fixture.Run(() =>
        {
            var dense = model.Weights(null, CancellationToken.None);
            using var calibration = new Calibration(model, Text, 40, _reporter, CancellationToken.None);
            var statistics = calibration.Statistics(_reporter, CancellationToken.None);
            using var surgeon = PruningStore.Build(dense, statistics, damping, _reporter, CancellationToken.None);
            using var restored = PruningStore.Restore(dense, statistics, rows, _reporter, CancellationToken.None);
            // The rows know the damping that was needed.
            Assert.Equal(damping == 0 ? 1 : 0, _reporter.Warnings.Count(w => w.Contains("FeedForward output matrix of layer 0", StringComparison.Ordinal)));
            foreach (var (a, b) in surgeon.Sublayers.Zip(restored.Sublayers))
            {
                Assert.Equal(a.Removal.Order, b.Removal.Order);
                Assert.Equal(a.Removal.Priors, b.Removal.Priors);
                Assert.Equal(a.Removal.Damping, b.Removal.Damping);
                var level = a.Removal.Order.Count - 1;
                TinyBert.AssertTensorsClose(a.Rebuild(level).Weight, b.Rebuild(level).Weight, 0);
            }
        });
        var table = MadeUpTable.Of(model);
        using var pruned = Assert.Single(Run(model, Text, new() { Speedups = [2], Table = table, Rounds = 3, CalibrationSamples = 40, Saliency = rows }));
        Assert.True(pruned.Parameters < model.Parameters);

        var error = Assert.Throws<ZipLMException>(() => Run(model, Text, new() { Speedups = [2], Table = table, Saliency = [.. rows.Skip(1)] }));
        Assert.Equal("ZipLM.SaliencyIncomplete", error.ErrorId);
        // Before anything is measured: not even data to calibrate with is asked for.
        using (var unknown = TinyBert.Model(fixture.Session, 80))
        {
            error = Assert.Throws<ZipLMException>(() => Run(unknown, null!, new() { Speedups = [2], Saliency = [.. rows.Skip(1).Select(r => r with { Model = unknown })] }));
            Assert.Equal("ZipLM.SaliencyIncomplete", error.ErrorId);
        }

        error = Assert.Throws<ZipLMException>(() => Run(model, Text, new() { Speedups = [2], Table = table, Saliency = [.. rows, rows[0] with { Layer = 2 }] }));
        Assert.Equal("ZipLM.SaliencyIncomplete", error.ErrorId);
        Assert.Contains("layer 2", error.Message, StringComparison.Ordinal);

        using var twin = TinyBert.Model(fixture.Session, 81);
        error = Assert.Throws<ZipLMException>(() => Run(twin, Text, new() { Speedups = [2], Table = table, Saliency = rows }));
        Assert.Equal("ZipLM.SaliencyModel", error.ErrorId);
    }

    /// <summary>A model that is read twice is the same by its directory.</summary>
    [Fact]
    public void Saliency_rows_of_the_same_directory_serve()
    {
        using var folder = new ModelFolder();
        using var made = TinyBert.Model(fixture.Session, 80);
        folder.Write(made);
        using var one = folder.Open(fixture.Session);
        using var two = folder.Open(fixture.Session);
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(one, Text, new() { CalibrationSamples = 40 }, rows.Add, new RecordingReporter(), TestContext.Current.CancellationToken);
        using var pruned = Assert.Single(Run(two, Text, new() { Speedups = [2], Table = MadeUpTable.Of(two), Rounds = 3, CalibrationSamples = 40, Saliency = rows }));
        Assert.True(pruned.Parameters < two.Parameters);
    }

    [Theory]
    [InlineData(8, null)]
    [InlineData(null, 20)]
    public void Another_shape_than_the_tables_is_refused(int? batchSize, int? length)
    {
        using var model = TinyBert.Model(fixture.Session, 82);
        var options = new PruningOptions { Speedups = [2], Table = MadeUpTable.Of(model), BatchSize = batchSize, SequenceLength = length, Force = true };
        Assert.Equal("ZipLM.LatencyTableShape", Assert.Throws<ZipLMException>(() => Run(model, Text, options)).ErrorId);
        using var pruned = Assert.Single(Run(model, Text, options with { BatchSize = 1, SequenceLength = 16, Rounds = 3 }));
        Assert.Equal(16, pruned.Pruning!.Environment.SequenceLength);
    }

    [Fact]
    public void A_table_of_generated_texts_brings_their_length_along()
    {
        using var model = TinyBert.Model(fixture.Session, 84, TinyFamilies.Describe("gpt2 causal"));
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

    /// <summary>No tiny model is as fast as this table says, and its fastest plan is the first.</summary>
    [Fact]
    public void A_target_that_is_missed_is_told_with_its_cause()
    {
        using var model = TinyBert.Model(fixture.Session, 83);
        using var pruned = Prune(model, 9.2, MadeUpTable.Of(model));
        Assert.All(pruned.Layers, l => Assert.Equal((0, 0), (l.Heads, l.Width)));
        Assert.True(pruned.MeasuredSpeedup < 9.2);
        var warning = Assert.Single(_reporter.Warnings, w => w.Contains("below the target", StringComparison.Ordinal));
        Assert.Contains("no faster plan is left", warning, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(1)]
    [InlineData(0)]
    [InlineData(-3)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_speedup_of_one_or_less_is_refused_before_anything_is_done(double speedup)
    {
        using var model = TinyBert.Model(fixture.Session, 66);
        var error = Assert.Throws<ZipLMException>(() => Prune(model, speedup, null));
        Assert.Equal("ZipLM.SpeedupInvalid", error.ErrorId);
        Assert.Contains(speedup.ToString(CultureInfo.InvariantCulture), error.Message, StringComparison.Ordinal);
        Assert.Empty(_reporter.VerboseMessages);
        Assert.Empty(_reporter.Warnings);
    }

    [Fact]
    public void An_unreachable_speedup_is_refused_with_the_largest_that_can_be_reached()
    {
        using var model = TinyBert.Model(fixture.Session, 67);
        // Dropped, a sublayer takes 0.1 ms: 1 + 4 · 0.1 of 13 ms, which is 9.28×.
        var table = MadeUpTable.Of(model);
        var error = Assert.Throws<ZipLMException>(() => Prune(model, 20, table));
        Assert.Equal("ZipLM.SpeedupUnreachable", error.ErrorId);
        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        Assert.Contains("20×", error.Message, StringComparison.Ordinal);
        Assert.Contains("9.28×", error.Message, StringComparison.Ordinal);
        Assert.Throws<ZipLMException>(() => Prune(model, 9.29, table));
        using var pruned = Prune(model, 9.28, table);
        Assert.All(pruned.Layers, l => Assert.Equal((0, 0), (l.Heads, l.Width)));
    }

    [Fact]
    public void A_table_of_another_environment_is_refused_unless_forced()
    {
        using var model = TinyBert.Model(fixture.Session, 68);
        var foreign = MadeUpTable.Of(model, e => e with { DeviceName = "another processor" });
        var error = Assert.Throws<ZipLMException>(() => Prune(model, 2, foreign));
        Assert.Equal("ZipLM.LatencyTableEnvironment", error.ErrorId);
        Assert.Contains("another processor", error.Message, StringComparison.Ordinal);
        Assert.Contains(fixture.Session.DeviceName, error.Message, StringComparison.Ordinal);
        Assert.Contains(foreign.Environment.Fingerprint, error.Message, StringComparison.Ordinal);
        Assert.Contains(MadeUpTable.Of(model).Environment.Fingerprint, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_reporter.Warnings, w => w.Contains("another processor", StringComparison.Ordinal));

        using var pruned = Prune(model, 2, foreign, force: true);
        Assert.Contains(_reporter.Warnings, w => w.Contains("another processor", StringComparison.Ordinal));
        Assert.Equal(fixture.Session.DeviceName, pruned.Pruning!.Environment.DeviceName);
    }

    /// <summary>Without a table one is measured in the runtime that was asked for; that it begins so is enough to know.</summary>
    [Fact]
    public void A_runtime_without_a_table_is_where_one_is_measured()
    {
        using var model = TinyBert.Model(fixture.Session, 75);
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
    public void A_table_of_another_model_is_refused_even_when_forced()
    {
        using var model = TinyBert.Model(fixture.Session, 69);
        using var deeper = TinyBert.Model(fixture.Session, 70, TinyBert.Describe([(4, 24), (4, 24), (4, 24)]));
        using var headless = TinyBert.Model(fixture.Session, 70, TinyBert.Describe(change: c => c["architectures"]![0] = "BertModel"));
        using var wordy = TinyBert.Model(fixture.Session, 70, TinyBert.Describe(change: c => c["vocab_size"] = TinyBert.Tokenizer.Count + 1));
        using var another = TinyBert.Model(fixture.Session, 70, TinyFamilies.Describe("roberta classification"));
        foreach (var other in new[] { deeper, headless, wordy, another })
        {
            var error = Assert.Throws<ZipLMException>(() => Prune(model, 2, MadeUpTable.Of(other), force: true));
            Assert.Equal("ZipLM.LatencyTableModel", error.ErrorId);
            Assert.Contains(other.Architecture, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_sequence_longer_than_the_models_positions_is_refused()
    {
        using var model = TinyBert.Model(fixture.Session, 71);
        var options = new PruningOptions { Speedups = [2], SequenceLength = TinyBert.Positions + 1 };
        var error = Assert.Throws<ZipLMException>(() => Run(model, Text, options));
        Assert.Equal("ZipLM.SequenceTooLong", error.ErrorId);
    }

    [Fact]
    public void Without_calibration_data_the_error_says_how_to_give_some()
    {
        using var model = TinyBert.Model(fixture.Session, 72);
        var error = Assert.Throws<ZipLMException>(() => Run(model, null, new() { Speedups = [2] }));
        Assert.Equal("ZipLM.CalibrationDataMissing", error.ErrorId);
        Assert.Contains("-CalibrationData", error.Remedy, StringComparison.Ordinal);
        Assert.Same(model, error.Target);
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
            using var alone = TinyBert.Model(fixture.Session, 73, record: new() { TrainingData = new(file + ".moved", "csv", "text") });
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
            CalibrationSource.Resolve(model, given, () => throw new InvalidOperationException("Nobody asks the hub."), _reporter, CancellationToken.None);

        static TextDataset Renamed(string name) => new(name, Text.Examples, Text.Labels);
    }

    [Fact]
    public void Pairs_are_refused_by_a_model_that_does_not_tell_texts_apart()
    {
        using var model = TinyBert.Model(fixture.Session, 84, TinyBert.Describe(change: c => c["type_vocab_size"] = 1));
        var error = Assert.Throws<ZipLMException>(() => Prune(model, 2, MadeUpTable.Of(model)));
        Assert.Equal("ZipLM.DatasetPairsUnsupported", error.ErrorId);
        var single = new TextDataset("single", [.. Text.Examples.Select(e => e with { TextPair = null })], []);
        using var pruned = Assert.Single(Run(model, single, new() { Speedups = [2], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 40 }));
        Assert.True(pruned.Parameters < model.Parameters);
    }

    [Fact]
    public void A_model_without_a_head_can_be_pruned()
    {
        using var model = TinyBert.Model(fixture.Session, 74, TinyBert.Describe(change: c => c["architectures"]![0] = "BertModel"));
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
        using var model = TinyBert.Model(fixture.Session, 76);
        using var pruned = Prune(model, 2, MadeUpTable.Of(model));
        folder.Write(pruned);
        using var again = folder.Open(fixture.Session);
        Assert.Equal(pruned.Layers, again.Layers);
        Assert.Equal(pruned.Pruning!.Measured, again.Pruning!.Measured);
        Assert.Equal(pruned.Pruning.Plan.Layers, again.Pruning.Plan.Layers);
        Assert.Equal((pruned.Pruning.Loss, LossMeasure.KLDivergence, true), (again.Pruning.Loss, again.Pruning.LossMeasure, again.Pruning.Repair));
    }

    [Fact]
    public void It_stops_when_asked_and_leaves_no_model_behind()
    {
        using var model = TinyBert.Model(fixture.Session, 77);
        using var source = new CancellationTokenSource();
        var reporter = new RecordingReporter { OnProgress = _ => source.Cancel() };
        var before = fixture.Session.Models.Count;
        Assert.Throws<OperationCanceledException>(() => OneShotPruning.Run(model, Text, new() { Speedups = [2], Table = MadeUpTable.Of(model) }, _ => { }, reporter, source.Token));
        Assert.Equal(before, fixture.Session.Models.Count);
        Assert.True(model.IsResident);
    }

    [Theory]
    [InlineData(PruningCriterion.ZipLM, true)]
    [InlineData(PruningCriterion.ZipLM, false)]
    [InlineData(PruningCriterion.Magnitude, true)]
    [InlineData(PruningCriterion.Fisher, false)]
    [InlineData(PruningCriterion.Random, true)]
    public void Rows_of_any_criterion_prune_as_that_criterion_does(PruningCriterion criterion, bool repair)
    {
        using var model = TinyBert.Model(fixture.Session, 84);
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(model, Text, new() { CalibrationSamples = 40, Criterion = criterion, Repair = repair, Dampings = [0.1] }, rows.Add, _reporter, TestContext.Current.CancellationToken);
        fixture.Run(() =>
        {
            var dense = model.Weights(null, CancellationToken.None);
            using var calibration = new Calibration(model, Text, 40, _reporter, CancellationToken.None);
            var statistics = calibration.Statistics(_reporter, CancellationToken.None);
            using var direct = PruningStore.Build(dense, statistics, 0.1, _reporter, CancellationToken.None, null, calibration.Scores(criterion, _reporter, CancellationToken.None), repair);
            using var restored = PruningStore.Restore(dense, statistics, rows, _reporter, CancellationToken.None);
            foreach (var (a, b) in direct.Sublayers.Zip(restored.Sublayers))
            {
                Assert.Equal(a.Removal.Order, b.Removal.Order);
                Assert.Equal((a.Removal.Damping, a.Removal.Repair), (b.Removal.Damping, b.Removal.Repair));
                TinyBert.AssertTensorsClose(a.Rebuild(2).Weight, b.Rebuild(2).Weight, 0);
            }
        });
        using var pruned = Assert.Single(Run(model, Text, new() { Speedups = [2], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 40, Saliency = rows }));
        Assert.Equal((criterion, repair, 0.1), (pruned.Pruning!.Criterion, pruned.Pruning.Repair, pruned.Pruning.Damping));
    }

    /// <summary>What is left of a model that is pruned without repair are the dense model's own numbers.</summary>
    [Fact]
    public void Without_repair_no_weight_changes()
    {
        using var model = TinyBert.Model(fixture.Session, 85);
        using var pruned = Assert.Single(Run(model, Text, new()
        {
            Speedups = [2], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 40, Criterion = PruningCriterion.Magnitude, Repair = false,
        }));
        fixture.Run(() =>
        {
            var dense = model.Weights(null, CancellationToken.None).Parameters.SelectMany(p => TinyBert.Values(p.Parameter)).ToHashSet();
            Assert.All(TransformerModel.Of(pruned).Weights(null, CancellationToken.None).Parameters.SelectMany(p => TinyBert.Values(p.Parameter)), v => Assert.Contains(v, dense));
        });
    }

    [Fact]
    public void Several_dampings_give_a_model_each_with_its_loss()
    {
        using var model = TinyBert.Model(fixture.Session, 86);
        var labelled = TinyBert.Data(60, seed: 10);
        var models = Run(model, labelled, new() { Speedups = [1.5, 3], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 20, Dampings = [1e-3, 10] });
        Assert.Equal(["tiny-1.5x-damping0.001", "tiny-3x-damping0.001", "tiny-1.5x-damping10", "tiny-3x-damping10"], models.Select(m => m.Name));
        Assert.Equal([1e-3, 1e-3, 10, 10], models.Select(m => m.Pruning!.Damping));
        // One pass over the statistics' rows serves all.
        Assert.Single(_reporter.VerboseMessages, m => m.StartsWith("Taking statistics", StringComparison.Ordinal));
        fixture.Run(() =>
        {
            // The rows that the statistics did not see, drawn by the session's seed.
            var drawn = ZipLM.Engine.Data.CalibrationSample.Draw(labelled, 20, 20, fixture.Session.Seed);
            var search = new TextDataset("search", [.. drawn.Search.Examples, .. drawn.Final!.Examples], labelled.Labels);
            foreach (var pruned in models)
            {
                Assert.Equal(LossMeasure.CrossEntropy, pruned.Pruning!.LossMeasure);
                Assert.Equal(Loss(model, search), pruned.Pruning.DenseLoss!.Value, 1e-5);
                Assert.Equal(Loss(TransformerModel.Of(pruned), search), pruned.Pruning.Loss!.Value, 1e-5);
            }
        });
        models.ForEach(m => m.Dispose());

        static double Loss(TransformerModel model, TextDataset data)
        {
            using var batch = TinyBert.Batch(TinyBert.Encode(data));
            return nn.functional.cross_entropy(model.Weights(null, CancellationToken.None).Forward(batch).Logits!, batch.Targets!).item<float>();
        }
    }

    [Fact]
    public void The_loss_needs_no_labels_and_none_of_another_task()
    {
        using var model = TinyBert.Model(fixture.Session, 87);
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
        using var dense = TinyBert.Model(fixture.Session, 90);
        using var before = Prune(dense, 1.5, MadeUpTable.Of(dense));
        var pruned = Run(before, Text, new() { Speedups = [2.5], Table = MadeUpTable.Of(dense), Rounds = 3, CalibrationSamples = 20, Dense = dense });
        fixture.Run(() =>
        {
            using var calibration = new Calibration(TransformerModel.Of(dense), Text, 20, _reporter, CancellationToken.None);
            using var loss = calibration.Loss(_reporter, CancellationToken.None);
            Assert.Equal(loss.Of(TransformerModel.Of(pruned[0]).Weights(null, CancellationToken.None), CancellationToken.None), Assert.Single(pruned).Pruning!.Loss!.Value, 1e-5);
        });
        pruned[0].Dispose();
    }

    [Fact]
    public void Rankings_of_several_dampings_prune_to_a_model_each()
    {
        using var model = TinyBert.Model(fixture.Session, 88);
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(model, Text, new() { CalibrationSamples = 20, Dampings = [1e-2, 1] }, rows.Add, _reporter, TestContext.Current.CancellationToken);
        var models = Run(model, Text, new() { Speedups = [2], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 20, Saliency = rows });
        Assert.Equal([1e-2, 1], models.Select(m => m.Pruning!.Damping));
        models.ForEach(m => m.Dispose());
    }

    [Fact]
    public void Rows_that_were_ranked_in_another_way_than_asked_are_refused()
    {
        using var model = TinyBert.Model(fixture.Session, 89);
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(model, Text, new() { CalibrationSamples = 20, Criterion = PruningCriterion.Activation }, rows.Add, _reporter, TestContext.Current.CancellationToken);
        var options = new PruningOptions { Speedups = [2], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 20, Saliency = rows };
        foreach (var (parameter, wrong) in new[]
        {
            ("-Criterion", options with { Criterion = PruningCriterion.ZipLM }),
            ("-NoRepair", options with { Repair = false }),
            ("-Damping", options with { Dampings = [0.5] }),
        })
        {
            var error = Assert.Throws<ZipLMException>(() => Run(model, Text, wrong));
            Assert.Equal("ZipLM.SaliencyConflict", error.ErrorId);
            Assert.Contains(parameter, error.Message, StringComparison.Ordinal);
        }

        using var pruned = Assert.Single(Run(model, Text, options with { Criterion = PruningCriterion.Activation, Repair = true, Dampings = [1e-2] }));
        Assert.Equal(PruningCriterion.Activation, pruned.Pruning!.Criterion);
    }

    private Model Prune(Model model, double speedup, LatencyTable? table, bool force = false) =>
        Assert.Single(Run(model, Text, new() { Speedups = [speedup], Table = table, Rounds = 5, CalibrationSamples = 40, Force = force }));

    private List<Model> Run(Model model, TextDataset? data, PruningOptions options)
    {
        var models = new List<Model>();
        OneShotPruning.Run(model, data, options, models.Add, _reporter, TestContext.Current.CancellationToken);
        return models;
    }
}
