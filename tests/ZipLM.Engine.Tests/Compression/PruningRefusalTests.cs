using System.Globalization;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Compression;

/// <summary>What Invoke-StructuredPrune refuses or warns of, and what it says then.</summary>
public sealed class PruningRefusalTests(SessionFixture fixture) : PruningTests(fixture)
{
    [Fact]
    public void One_target_out_of_reach_is_refused_before_any_model_is_made()
    {
        using var model = TinyBert.Model(Session, 79);
        var models = new List<Model>();
        Assert.Throws<ZipLMException>(() => OneShotPruning.Run(
            model, Text, new() { Speedups = [1.5, 20], Table = MadeUpTable.Of(model) }, models.Add, Reporter, TestContext.Current.CancellationToken));
        Assert.Empty(models);
    }

    [Theory]
    [InlineData(8, null)]
    [InlineData(null, 20)]
    public void Another_shape_than_the_tables_is_refused(int? batchSize, int? length)
    {
        using var model = TinyBert.Model(Session, 82);
        var options = new PruningOptions { Speedups = [2], Table = MadeUpTable.Of(model), BatchSize = batchSize, SequenceLength = length, Force = true };
        Assert.Equal("ZipLM.LatencyTableShape", Assert.Throws<ZipLMException>(() => Run(model, Text, options)).ErrorId);
        using var pruned = Assert.Single(Run(model, Text, options with { BatchSize = 1, SequenceLength = 16, Rounds = 3 }));
        Assert.Equal(16, pruned.Pruning!.Environment.SequenceLength);
    }

    /// <summary>No tiny model is as fast as this table says, and its fastest plan is the first.</summary>
    [Fact]
    public void A_target_that_is_missed_is_told_with_its_cause()
    {
        using var model = TinyBert.Model(Session, 83);
        using var pruned = Prune(model, 9.2, MadeUpTable.Of(model));
        Assert.All(pruned.Layers, l => Assert.Equal((0, 0), (l.Heads, l.Width)));
        Assert.True(pruned.MeasuredSpeedup < 9.2);
        var warning = Assert.Single(Reporter.Warnings, w => w.Contains("below the target", StringComparison.Ordinal));
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
        using var model = TinyBert.Model(Session, 66);
        var error = Assert.Throws<ZipLMException>(() => Prune(model, speedup, null));
        Assert.Equal("ZipLM.SpeedupInvalid", error.ErrorId);
        Assert.Contains(speedup.ToString(CultureInfo.InvariantCulture), error.Message, StringComparison.Ordinal);
        Assert.Empty(Reporter.VerboseMessages);
        Assert.Empty(Reporter.Warnings);
    }

    [Fact]
    public void An_unreachable_speedup_is_refused_with_the_largest_that_can_be_reached()
    {
        using var model = TinyBert.Model(Session, 67);
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
        using var model = TinyBert.Model(Session, 68);
        var foreign = MadeUpTable.Of(model, e => e with { DeviceName = "another processor" });
        var error = Assert.Throws<ZipLMException>(() => Prune(model, 2, foreign));
        Assert.Equal("ZipLM.LatencyTableEnvironment", error.ErrorId);
        Assert.Contains("another processor", error.Message, StringComparison.Ordinal);
        Assert.Contains(Session.DeviceName, error.Message, StringComparison.Ordinal);
        Assert.Contains(foreign.Environment.Fingerprint, error.Message, StringComparison.Ordinal);
        Assert.Contains(MadeUpTable.Of(model).Environment.Fingerprint, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Reporter.Warnings, w => w.Contains("another processor", StringComparison.Ordinal));

        using var pruned = Prune(model, 2, foreign, force: true);
        Assert.Contains(Reporter.Warnings, w => w.Contains("another processor", StringComparison.Ordinal));
        Assert.Equal(Session.DeviceName, pruned.Pruning!.Environment.DeviceName);
    }

    [Fact]
    public void A_table_of_another_model_is_refused_even_when_forced()
    {
        using var model = TinyBert.Model(Session, 69);
        using var deeper = TinyBert.Model(Session, 70, TinyBert.Describe([(4, 24), (4, 24), (4, 24)]));
        using var headless = TinyBert.Model(Session, 70, TinyBert.Describe(change: c => c["architectures"]![0] = "BertModel"));
        using var wordy = TinyBert.Model(Session, 70, TinyBert.Describe(change: c => c["vocab_size"] = TinyBert.Tokenizer.Count + 1));
        using var another = TinyBert.Model(Session, 70, TinyFamilies.Describe("roberta classification"));
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
        using var model = TinyBert.Model(Session, 71);
        var options = new PruningOptions { Speedups = [2], SequenceLength = TinyBert.Positions + 1 };
        var error = Assert.Throws<ZipLMException>(() => Run(model, Text, options));
        Assert.Equal("ZipLM.SequenceTooLong", error.ErrorId);
    }

    [Fact]
    public void Without_calibration_data_the_error_says_how_to_give_some()
    {
        using var model = TinyBert.Model(Session, 72);
        var error = Assert.Throws<ZipLMException>(() => Run(model, null, new() { Speedups = [2] }));
        Assert.Equal("ZipLM.CalibrationDataMissing", error.ErrorId);
        Assert.Contains("-CalibrationData", error.Remedy, StringComparison.Ordinal);
        Assert.Same(model, error.Target);
    }

    [Fact]
    public void Pairs_are_refused_by_a_model_that_does_not_tell_texts_apart()
    {
        using var model = TinyBert.Model(Session, 84, TinyBert.Describe(change: c => c["type_vocab_size"] = 1));
        var error = Assert.Throws<ZipLMException>(() => Prune(model, 2, MadeUpTable.Of(model)));
        Assert.Equal("ZipLM.DatasetPairsUnsupported", error.ErrorId);
        var single = new TextDataset("single", [.. Text.Examples.Select(e => e with { TextPair = null })], []);
        using var pruned = Assert.Single(Run(model, single, new() { Speedups = [2], Table = MadeUpTable.Of(model), Rounds = 3, CalibrationSamples = 40 }));
        Assert.True(pruned.Parameters < model.Parameters);
    }

    [Fact]
    public void Rows_that_were_ranked_in_another_way_than_asked_are_refused()
    {
        using var model = TinyBert.Model(Session, 89);
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(model, Text, new() { CalibrationSamples = 20, Criterion = PruningCriterion.Activation }, rows.Add, Reporter, TestContext.Current.CancellationToken);
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
}
