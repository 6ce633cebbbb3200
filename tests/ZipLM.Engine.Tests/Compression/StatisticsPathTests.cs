using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Compression;

/// <summary>Statistics that outlive a call: taken up again when they are of this model and data, never when they are not or not whole.</summary>
public sealed class StatisticsPathTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private const string Mark = "statistics.json";
    private const string File0 = "layer-00-FeedForward.safetensors";

    private static readonly TextDataset Text = TinyBert.Data(60, seed: 20);

    private readonly ModelFolder _folder = new();
    private RecordingReporter _reporter = new();

    [Fact]
    public void The_second_call_reads_what_the_first_one_took()
    {
        using var model = TinyBert.Model(fixture.Session, 200);
        var without = Rows(model, null);
        var first = Rows(model, _folder.Path);
        Assert.True(Took);
        Assert.Equal(
            ["layer-00-Attention.safetensors", File0, "layer-01-Attention.safetensors", "layer-01-FeedForward.safetensors", Mark],
            Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var second = Rows(model, _folder.Path);
        Assert.False(Took);
        Assert.Equal(without, first);
        Assert.Equal(without, second);
    }

    /// <summary>That they were read shows in the result: other numbers in the file give other rows.</summary>
    [Fact]
    public void What_lies_in_the_files_is_what_counts()
    {
        using var model = TinyBert.Model(fixture.Session, 201);
        var before = Rows(model, _folder.Path);
        var file = _folder.File(File0);
        fixture.Run(() =>
        {
            using var opened = SafeTensorsFile.Open(file);
            var (sum, tokens) = (opened.Read("sum", CancellationToken.None), opened.Read("tokens", CancellationToken.None));
            Assert.True(tokens.item<long>() > 30);
            sum[7].mul_(3);
            sum.t()[7].mul_(3);
            SafeTensorsWriter.WriteFile(file, [("sum", sum), ("tokens", tokens)], opened.Metadata, CancellationToken.None);
        });
        var after = Rows(model, _folder.Path);
        Assert.False(Took);
        Assert.NotEqual(before.Where(IsInFile0), after.Where(IsInFile0));
        // The place among all rows follows from those that changed.
        Assert.Equal(before.Where(r => !IsInFile0(r)).Select(r => r with { Rank = 0 }), after.Where(r => !IsInFile0(r)).Select(r => r with { Rank = 0 }));

        static bool IsInFile0(StructureSaliency row) => row is { Layer: 0, Sublayer: Sublayer.FeedForward };
    }

    [Fact]
    public void A_model_that_was_saved_and_read_again_finds_its_statistics()
    {
        using var files = new ModelFolder();
        using var model = TinyBert.Model(fixture.Session, 202);
        Rows(model, _folder.Path);
        files.Write(model);
        using var again = files.Open(fixture.Session);
        Rows(again, _folder.Path);
        Assert.False(Took);
    }

    [Fact]
    public void Pruning_takes_them_up_from_saliency_and_the_other_way_round()
    {
        using var model = TinyBert.Model(fixture.Session, 203);
        var rows = Rows(model, _folder.Path);
        foreach (var saliency in new[] { null, rows })
        {
            var models = new List<Model>();
            var options = new PruningOptions
            {
                Speedups = [2], Rounds = 3, CalibrationSamples = 25, Table = MadeUpTable.Of(model), StatisticsPath = _folder.Path, Saliency = saliency,
            };
            _reporter = new();
            OneShotPruning.Run(model, Text, options, models.Add, _reporter, TestContext.Current.CancellationToken);
            Assert.False(Took);
            using var pruned = Assert.Single(models);
            Assert.Equal(rows.Max(r => r.Condition), pruned.Pruning!.WorstCondition);
            Assert.Equal(1e-2, pruned.Pruning.LargestDamping);
        }
    }

    [Fact]
    public void A_damping_that_was_raised_is_on_the_result()
    {
        using var model = TwinNeurons(204);
        var models = new List<Model>();
        OneShotPruning.Run(
            model, Text, new() { Speedups = [2], Rounds = 3, CalibrationSamples = 25, Table = MadeUpTable.Of(model), Dampings = [0] }, models.Add, _reporter, TestContext.Current.CancellationToken);
        using var pruned = Assert.Single(models);
        Assert.Equal(0, pruned.Pruning!.Damping);
        Assert.InRange(pruned.Pruning.LargestDamping, 1e-9, 1e-3);
        Assert.Contains(_reporter.Warnings, w => w.Contains("FeedForward output matrix of layer 0", StringComparison.Ordinal));
    }

    [Fact]
    public void Statistics_of_another_model_are_refused_with_both_fingerprints()
    {
        using var model = TinyBert.Model(fixture.Session, 205);
        using var other = TinyBert.Model(fixture.Session, 206);
        Rows(model, _folder.Path);
        var mine = JsonFile.Read(_folder.File(Mark))["model_hash"]!.GetValue<string>();
        var before = _folder.File(File0);
        var bytes = File.ReadAllBytes(before);
        var error = Refused(other, "StatisticsMismatch");
        Assert.Contains(mine[..12], error.Message, StringComparison.Ordinal);

        // Written by the other itself, its fingerprint is the second that the error named.
        using var elsewhere = new ModelFolder();
        Rows(other, elsewhere.Path);
        Assert.Contains(JsonFile.Read(elsewhere.File(Mark))["model_hash"]!.GetValue<string>()[..12], error.Message, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(before));
    }

    [Theory]
    [InlineData("data")]
    [InlineData("words")]
    [InlineData("sample")]
    [InlineData("config")]
    [InlineData("precision")]
    public void So_are_statistics_of_other_data_another_sample_config_or_precision(string what)
    {
        using var model = TinyBert.Model(fixture.Session, 207);
        Rows(model, _folder.Path);
        switch (what)
        {
            case "data":
                Refused(model, "StatisticsMismatch", data: TinyBert.Data(60, seed: 21));
                break;
            case "words":
                // As many tokens in every row, some of them others.
                Refused(model, "StatisticsMismatch", data: new("toy", [.. Text.Examples.Select(e => e with { Text = e.Text.Replace("w30", "w31", StringComparison.Ordinal) })], Text.Labels));
                break;
            case "sample":
                Refused(model, "StatisticsMismatch", samples: 24);
                break;
            case "config":
                using (var relu = TinyBert.Model(fixture.Session, 207, TinyBert.Describe(change: c => c["hidden_act"] = "relu")))
                {
                    Refused(relu, "StatisticsMismatch");
                }

                break;
            default:
                using (var session = SessionFixture.Connect(Precision.BFloat16))
                {
                    using var coarse = TinyBert.Model(session, 207);
                    Refused(coarse, "StatisticsMismatch");
                }

                break;
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(2000)]
    public void A_file_that_is_cut_short_is_refused(int length)
    {
        using var model = TinyBert.Model(fixture.Session, 208);
        Rows(model, _folder.Path);
        using (var file = File.OpenWrite(_folder.File(File0)))
        {
            Assert.True(file.Length > length);
            file.SetLength(length);
        }

        Assert.Contains(File0, Refused(model, "StatisticsDamaged").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("of another layer")]
    [InlineData("of another model")]
    [InlineData("mark cut short")]
    [InlineData("mark without hashes")]
    [InlineData("mark of another format")]
    public void So_is_what_does_not_belong_together(string what)
    {
        using var model = TinyBert.Model(fixture.Session, 209);
        Rows(model, _folder.Path);
        switch (what)
        {
            case "missing":
                File.Delete(_folder.File(File0));
                break;
            case "of another layer":
                File.Copy(_folder.File("layer-00-Attention.safetensors"), _folder.File(File0), overwrite: true);
                break;
            case "of another model":
                using (var elsewhere = new ModelFolder())
                {
                    using var other = TinyBert.Model(fixture.Session, 210);
                    Rows(other, elsewhere.Path);
                    File.Copy(elsewhere.File(File0), _folder.File(File0), overwrite: true);
                }

                break;
            case "mark cut short":
                File.WriteAllText(_folder.File(Mark), File.ReadAllText(_folder.File(Mark))[..60]);
                break;
            case "mark without hashes":
                _folder.Change(Mark, json => json.Remove("data_hash"));
                break;
            default:
                _folder.Change(Mark, json => json["format"] = 2);
                break;
        }

        Refused(model, "StatisticsDamaged");
    }

    /// <summary>What a crash leaves behind has no mark: it is taken again, with a warning that says so.</summary>
    [Fact]
    public void Without_its_mark_a_directory_is_taken_again_with_a_warning()
    {
        using var model = TinyBert.Model(fixture.Session, 211);
        var expected = Rows(model, _folder.Path);
        File.Delete(_folder.File(Mark));
        File.WriteAllText(_folder.File(File0), "half");
        File.WriteAllText(_folder.File("layer-07-Attention.safetensors"), "of a deeper model");
        File.WriteAllText(_folder.File($".{File0}.{new string('0', 32)}.tmp"), "unfinished");
        File.WriteAllText(_folder.File($".{Mark}.{new string('0', 32)}.tmp"), "unfinished");
        Assert.Equal(expected, Rows(model, _folder.Path));
        Assert.True(Took);
        Assert.Contains("incomplete", Assert.Single(_reporter.Warnings, w => w.Contains(_folder.Path, StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Equal(5, Directory.GetFileSystemEntries(_folder.Path).Length);
        Rows(model, _folder.Path);
        Assert.False(Took);
    }

    [Theory]
    [InlineData("note.txt")]
    [InlineData("config.json")]
    [InlineData("layer-00-Attention.safetensors.bak")]
    public void A_directory_with_other_files_is_never_written_to(string name)
    {
        using var model = TinyBert.Model(fixture.Session, 212);
        Directory.CreateDirectory(_folder.Path);
        File.WriteAllText(_folder.File(name), "mine");
        Assert.Contains(name, Refused(model, "StatisticsPathTaken").Message, StringComparison.Ordinal);
        Assert.Equal([_folder.File(name)], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_file_in_the_place_of_the_directory_is_refused()
    {
        using var model = TinyBert.Model(fixture.Session, 213);
        File.WriteAllText(_folder.Path, "mine");
        Refused(model, "StatisticsPathTaken");
        Assert.Equal("mine", File.ReadAllText(_folder.Path));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_cancelled_or_fails_leaves_no_file(bool existed)
    {
        using var model = TinyBert.Model(fixture.Session, 214);
        using var source = new CancellationTokenSource();
        if (existed)
        {
            Directory.CreateDirectory(_folder.Path);
        }

        _reporter = new() { OnVerbose = m => { if (m.StartsWith("Taking", StringComparison.Ordinal)) { source.Cancel(); } } };
        Assert.ThrowsAny<OperationCanceledException>(() => SaliencyFlow.Run(model, Text, new() { CalibrationSamples = 25, StatisticsPath = _folder.Path }, _ => { }, _reporter, source.Token));
        Assert.Equal(existed, Directory.Exists(_folder.Path));
        Assert.True(!existed || Directory.GetFileSystemEntries(_folder.Path).Length == 0);
    }

    /// <summary>More statistics than memory allows go by way of a temporary directory, and come to the same.</summary>
    [Fact]
    public void With_little_memory_the_result_is_the_same_and_the_files_go_with_the_calibration() => fixture.Run(() =>
    {
        using var model = TinyBert.Model(fixture.Session, 215);
        using var plenty = new Calibration(model, Text, 25, _reporter, CancellationToken.None);
        using var expected = Order(plenty, 1e-2);
        Assert.DoesNotContain(_reporter.VerboseMessages, m => m.Contains("larger than memory", StringComparison.Ordinal));

        string directory;
        using (var little = new Calibration(model, Text, 25, _reporter, CancellationToken.None) { Memory = 1 })
        {
            using var store = Order(little, 1e-2);
            directory = Assert.Single(_reporter.VerboseMessages, m => m.Contains("larger than memory", StringComparison.Ordinal)).Split(' ')[^2];
            Assert.Equal(5, Directory.GetFiles(directory).Length);
            foreach (var (a, b) in expected.Sublayers.Zip(store.Sublayers))
            {
                Assert.Equal(a.Removal.Order, b.Removal.Order);
                Assert.Equal(a.Removal.Priors, b.Removal.Priors);
                foreach (var level in new[] { 3, 1, 4 })
                {
                    TinyBert.AssertTensorsClose(a.Rebuild(level).Weight, b.Rebuild(level).Weight, 1e-6);
                }
            }
        }

        Assert.False(Directory.Exists(directory));
    });

    [Fact]
    public void Statistics_are_taken_once_for_several_orders() => fixture.Run(() =>
    {
        using var model = TinyBert.Model(fixture.Session, 216);
        using var calibration = new Calibration(model, Text, 25, _reporter, CancellationToken.None);
        foreach (var damping in new[] { 1e-2, 1e-3, 1 })
        {
            using var store = Order(calibration, damping);
            Assert.Equal(damping, store.LargestDamping);
        }

        Assert.Single(_reporter.VerboseMessages, m => m.StartsWith("Taking", StringComparison.Ordinal));
    });

    [Theory]
    [InlineData(-1e-3)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_damping_that_is_none_is_refused_before_anything_is_done(double damping)
    {
        using var model = TinyBert.Model(fixture.Session, 217);
        var token = TestContext.Current.CancellationToken;
        foreach (var run in new Action[]
        {
            () => SaliencyFlow.Run(model, Text, new() { CalibrationSamples = 25, Dampings = [damping] }, _ => { }, _reporter, token),
            () => OneShotPruning.Run(model, Text, new() { Speedups = [2], Dampings = [damping] }, _ => { }, _reporter, token),
        })
        {
            var error = Assert.Throws<ZipLMException>(run);
            Assert.Equal(("ZipLM.DampingInvalid", ErrorKind.InvalidArgument), (error.ErrorId, error.Kind));
            Assert.Equal(damping, error.Target);
        }

        Assert.Empty(_reporter.VerboseMessages);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public void So_is_a_sample_of_no_rows(int samples)
    {
        using var model = TinyBert.Model(fixture.Session, 218);
        var error = Assert.Throws<ZipLMException>(() => SaliencyFlow.Run(model, Text, new() { CalibrationSamples = samples }, _ => { }, _reporter, TestContext.Current.CancellationToken));
        Assert.Equal("ZipLM.CalibrationSamplesInvalid", error.ErrorId);
    }

    public void Dispose() => _folder.Dispose();

    private PruningStore Order(Calibration calibration, double damping) => PruningStore.Build(
        calibration.Model.Weights(null, CancellationToken.None), calibration.Statistics(_reporter, CancellationToken.None), damping, _reporter, CancellationToken.None);

    private bool Took => _reporter.VerboseMessages.Any(m => m.StartsWith("Taking statistics", StringComparison.Ordinal));

    private List<StructureSaliency> Rows(Model model, string? path, TextDataset? data = null, int samples = 25)
    {
        _reporter = new();
        var rows = new List<StructureSaliency>();
        SaliencyFlow.Run(model, data ?? Text, new() { CalibrationSamples = samples, StatisticsPath = path }, rows.Add, _reporter, TestContext.Current.CancellationToken);
        return rows;
    }

    private ZipLMException Refused(Model model, string id, TextDataset? data = null, int samples = 25)
    {
        var error = Assert.Throws<ZipLMException>(() => Rows(model, _folder.Path, data, samples));
        Assert.Equal("ZipLM." + id, error.ErrorId);
        Assert.Equal(_folder.Path, error.Target);
        Assert.Contains(_folder.Path, error.Message, StringComparison.Ordinal);
        Assert.False(Took);
        return error;
    }

    private TransformerModel TwinNeurons(int seed)
    {
        var model = TinyBert.Model(fixture.Session, seed);
        fixture.Run(() =>
        {
            using var gradients = TorchSharp.torch.no_grad();
            var parameters = model.Weights(null, CancellationToken.None).Parameters.ToDictionary(p => p.Name, p => p.Parameter);
            foreach (var part in new[] { "weight", "bias" })
            {
                var parameter = parameters[$"bert.encoder.layer.0.intermediate.dense.{part}"];
                parameter[5] = parameter[9];
            }
        });
        return model;
    }
}
