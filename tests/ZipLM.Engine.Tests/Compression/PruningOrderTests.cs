using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Compression;

/// <summary>Pruning by rows of Get-StructureSaliency, by other criteria, without repair, and with several dampings.</summary>
public sealed class PruningOrderTests(SessionFixture fixture) : PruningTests(fixture)
{
    /// <summary>Rows of Get-StructureSaliency stand for the surgeon's pass: the order, the priors and so the store are the same.</summary>
    [Theory]
    [InlineData(1e-2)]
    [InlineData(0)]
    public void From_saliency_rows_every_level_is_rebuilt_as_from_the_surgeon(double damping)
    {
        using var model = TinyBert.Model(Session, 80);
        Fixture.Run(() =>
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
        Fixture.Run(() =>
        {
            var dense = model.Weights(null, CancellationToken.None);
            using var calibration = new Calibration(model, Text, 40, Reporter, CancellationToken.None);
            var statistics = calibration.Statistics(Reporter, CancellationToken.None);
            using var surgeon = PruningStore.Build(dense, statistics, damping, Reporter, CancellationToken.None);
            using var restored = PruningStore.Restore(dense, statistics, rows, Reporter, CancellationToken.None);
            // The rows know the damping that was needed.
            Assert.Equal(damping == 0 ? 1 : 0, Reporter.Warnings.Count(w => w.Contains("FeedForward output matrix of layer 0", StringComparison.Ordinal)));
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
        using (var unknown = TinyBert.Model(Session, 80))
        {
            error = Assert.Throws<ZipLMException>(() => Run(unknown, null!, new() { Speedups = [2], Saliency = [.. rows.Skip(1).Select(r => r with { Model = unknown })] }));
            Assert.Equal("ZipLM.SaliencyIncomplete", error.ErrorId);
        }

        error = Assert.Throws<ZipLMException>(() => Run(model, Text, new() { Speedups = [2], Table = table, Saliency = [.. rows, rows[0] with { Layer = 2 }] }));
        Assert.Equal("ZipLM.SaliencyIncomplete", error.ErrorId);
        Assert.Contains("layer 2", error.Message, StringComparison.Ordinal);

        using var twin = TinyBert.Model(Session, 81);
        error = Assert.Throws<ZipLMException>(() => Run(twin, Text, new() { Speedups = [2], Table = table, Saliency = rows }));
        Assert.Equal("ZipLM.SaliencyModel", error.ErrorId);
    }

    /// <summary>A model that is read twice is the same by its directory.</summary>
    [Fact]
    public void Saliency_rows_of_the_same_directory_serve()
    {
        using var folder = new ModelFolder();
        using var made = TinyBert.Model(Session, 80);
        folder.Write(made);
        using var one = folder.Open(Session);
        using var two = folder.Open(Session);
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(one, Text, new() { CalibrationSamples = 40 }, rows.Add, new RecordingReporter(), TestContext.Current.CancellationToken);
        using var pruned = Assert.Single(Run(two, Text, new() { Speedups = [2], Table = MadeUpTable.Of(two), Rounds = 3, CalibrationSamples = 40, Saliency = rows }));
        Assert.True(pruned.Parameters < two.Parameters);
    }

    [Theory]
    [InlineData(PruningCriterion.ZipLM, true)]
    [InlineData(PruningCriterion.ZipLM, false)]
    [InlineData(PruningCriterion.Magnitude, true)]
    [InlineData(PruningCriterion.Fisher, false)]
    [InlineData(PruningCriterion.Random, true)]
    public void Rows_of_any_criterion_prune_as_that_criterion_does(PruningCriterion criterion, bool repair)
    {
        using var model = TinyBert.Model(Session, 84);
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(model, Text, new() { CalibrationSamples = 40, Criterion = criterion, Repair = repair, Dampings = [0.1] }, rows.Add, Reporter, TestContext.Current.CancellationToken);
        Fixture.Run(() =>
        {
            var dense = model.Weights(null, CancellationToken.None);
            using var calibration = new Calibration(model, Text, 40, Reporter, CancellationToken.None);
            var statistics = calibration.Statistics(Reporter, CancellationToken.None);
            using var direct = PruningStore.Build(dense, statistics, 0.1, Reporter, CancellationToken.None, null, calibration.Scores(criterion, Reporter, CancellationToken.None), repair);
            using var restored = PruningStore.Restore(dense, statistics, rows, Reporter, CancellationToken.None);
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
        using var model = TinyBert.Model(Session, 85);
        using var pruned = Assert.Single(Run(model, Text, new()
        {
            Speedups = [2], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 40, Criterion = PruningCriterion.Magnitude, Repair = false,
        }));
        Fixture.Run(() =>
        {
            var dense = model.Weights(null, CancellationToken.None).Parameters.SelectMany(p => TinyBert.Values(p.Parameter)).ToHashSet();
            Assert.All(TransformerModel.Of(pruned).Weights(null, CancellationToken.None).Parameters.SelectMany(p => TinyBert.Values(p.Parameter)), v => Assert.Contains(v, dense));
        });
    }

    [Fact]
    public void Several_dampings_give_a_model_each_with_its_loss()
    {
        using var model = TinyBert.Model(Session, 86);
        var labelled = TinyBert.Data(60, seed: 10);
        var models = Run(model, labelled, new() { Speedups = [1.5, 3], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 20, Dampings = [1e-3, 10] });
        Assert.Equal(["tiny-1.5x-damping0.001", "tiny-3x-damping0.001", "tiny-1.5x-damping10", "tiny-3x-damping10"], models.Select(m => m.Name));
        Assert.Equal([1e-3, 1e-3, 10, 10], models.Select(m => m.Pruning!.Damping));
        // One pass over the statistics' rows serves all.
        Assert.Single(Reporter.VerboseMessages, m => m.StartsWith("Taking statistics", StringComparison.Ordinal));
        Fixture.Run(() =>
        {
            // The rows that the statistics did not see, drawn by the session's seed.
            var drawn = ZipLM.Engine.Data.CalibrationSample.Draw(labelled, 20, 20, Session.Seed);
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
    public void Rankings_of_several_dampings_prune_to_a_model_each()
    {
        using var model = TinyBert.Model(Session, 88);
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(model, Text, new() { CalibrationSamples = 20, Dampings = [1e-2, 1] }, rows.Add, Reporter, TestContext.Current.CancellationToken);
        var models = Run(model, Text, new() { Speedups = [2], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 20, Saliency = rows });
        Assert.Equal([1e-2, 1], models.Select(m => m.Pruning!.Damping));
        models.ForEach(m => m.Dispose());
    }
}
