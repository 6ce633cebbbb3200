using Xunit;
using ZipLM.Engine.Models;
using ZipLM.Engine.Recipes;
using ZipLM.Engine.Reporting;

namespace ZipLM.Engine.Tests.Recipes;

/// <summary>A whole run on a tiny model with a recorded table.</summary>
public sealed class RecipeRunTests(RunFixture fixture) : IClassFixture<RunFixture>, IDisposable
{
    private readonly RecipeFolder _folder = new(fixture.Done);
    private readonly RecordingReporter _reporter = new();

    [Fact]
    public void A_run_writes_its_stages_the_family_and_the_summary()
    {
        var (models, summary) = (Members(), fixture.Summary);
        Assert.Equal(
            ["01-latency", "02-fine-tune", "03-evaluate", "04-statistics-1.5x", "05-order-1.5x", "06-prune-1.5x", "07-distil-1.5x", "08-evaluate-1.5x", "09-export-1.5x",
                "10-statistics-2.5x", "11-order-2.5x", "12-prune-2.5x", "13-distil-2.5x", "14-evaluate-2.5x", "15-export-2.5x"],
            RunReader.Read(_folder.Run).Select(s => s.Stage));
        Assert.All(RunReader.Read(_folder.Run), s => Assert.Equal(StageState.Done, s.State));

        Assert.Equal(["toy-1.5x", "toy-2.5x"], models.Select(m => m.Name));
        Assert.Equal([1.5, 2.5], models.Select(m => m.TargetSpeedup!.Value));
        Assert.All(models, m => Assert.Equal(Path.Combine(fixture.Done.Run, "02-fine-tune", "model"), m.Record.BaseModel));
        Assert.All(models[0].Layers.Zip(models[1].Layers), p => Assert.True(p.Second.Heads <= p.First.Heads && p.Second.Width <= p.First.Width));

        Assert.Equal([1.5, 2.5], summary.Members.Select(m => m.Target));
        Assert.Equal(models.Select(m => m.Parameters), summary.Members.Select(m => m.Parameters));
        Assert.Equal("accuracy", summary.Metric);
        Assert.All(summary.Members, m => Assert.Equal(m.Quality - summary.DenseQuality, m.QualityChange, 1e-12));
        var (a, b) = (summary.Members[0], summary.Members[1]);
        Assert.Equal(a.Quality, summary.Intercept!.Value - (summary.Slope!.Value * a.Speedup), 1e-9);
        Assert.Equal(b.Quality, summary.Intercept.Value - (summary.Slope.Value * b.Speedup), 1e-9);
        Assert.Equal(3, File.ReadAllLines(summary.CsvPath).Length);
        Assert.Contains("\"slope\"", File.ReadAllText(summary.JsonPath), StringComparison.Ordinal);
        models.ForEach(m => m.Dispose());
    }

    [Fact]
    public void What_it_measured_and_learnt_can_be_read_for_a_report()
    {
        var figures = RunFigures.Read(_folder.Run);
        Assert.Equal(["02-fine-tune", "07-distil-1.5x", "13-distil-2.5x"], figures.Curves.Select(c => c.Name));
        Assert.All(figures.Curves, c => Assert.Equal(5, c.Metrics[^1].Step));
        Assert.Equal(fixture.Summary.Members.Select(m => (m.Quality, m.Speedup)), figures.Measurements.Skip(1).Select(m => (m.Quality, m.Speedup!.Value)));
        // The dense model is in the figure, too: what members are compared with.
        Assert.Equal((fixture.Summary.DenseQuality, 1), (figures.Measurements[0].Quality, figures.Measurements[0].Speedup));
        // Of a run that is under way, what is there.
        File.Delete(Path.Combine(_folder.Run, "13-distil-2.5x", StageMark.FileName));
        Assert.Equal(2, RunFigures.Read(_folder.Run).Curves.Count);
    }

    [Fact]
    public void Started_again_it_repeats_nothing_and_gives_the_same()
    {
        var written = Directory.EnumerateFiles(_folder.Run, StageMark.FileName, SearchOption.AllDirectories).ToDictionary(f => f, File.GetLastWriteTimeUtc);
        var models = new List<Model>();
        var reporter = new RecordingReporter();
        var summary = Run(_folder.Read(), models, reporter);
        Assert.Equal(2, models.Count);
        Assert.Equal(2, summary.Members.Count);
        Assert.All(written, f => Assert.Equal(f.Value, File.GetLastWriteTimeUtc(f.Key)));
        Assert.Empty(reporter.Milestones);
        Assert.Empty(reporter.Warnings);
        models.ForEach(m => m.Dispose());
    }

    /// <summary>Stopped once in each stage, a run ends with the same files as one that never was.</summary>
    [Fact]
    public void Stopped_in_every_stage_it_ends_with_the_same_bytes()
    {
        var recipe = _folder.Change("[1.5, 2.5]", "[1.5]");
        var expected = RecipeFolder.Outputs(_folder.Run).Where(f => !f.Key.Contains("-2.5x", StringComparison.Ordinal)).ToDictionary();
        Directory.Delete(_folder.Run, recursive: true);

        var stopped = new HashSet<string>();
        for (var ended = false; !ended;)
        {
            using var source = new CancellationTokenSource();
            // Each verbose message is a step: the first of each kind, whatever figures it tells, stops the run.
            var reporter = new RecordingReporter { OnVerbose = message => { if (!message.EndsWith("is done.", StringComparison.Ordinal) && !message.Contains("goes on", StringComparison.Ordinal) && stopped.Add(Kind(message))) { source.Cancel(); } } };
            try
            {
                RecipeFlow.Run(recipe, _folder.Run, fixture.Session, _folder.Run, m => m.Dispose(), reporter, source.Token);
                ended = true;
            }
            catch (OperationCanceledException)
            {
            }
        }

        Assert.True(stopped.Count >= 9, $"It was stopped {stopped.Count} times.");
        var actual = RecipeFolder.Outputs(_folder.Run);
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        Assert.All(expected, f => Assert.True(actual[f.Key] == f.Value, f.Key));
    }

    private static string Kind(string message) => string.Concat(message.Where(c => !char.IsDigit(c)));

    [Fact]
    public void A_changed_recipe_redoes_the_stages_whose_inputs_changed_and_those_behind_them()
    {
        var before = Marks();
        var reporter = new RecordingReporter();
        RunUntil("12-prune-2.5x begins.", _folder.Change("token: 0.5", "token: 0.25"), reporter);
        Assert.Equal(["07-distil-1.5x", "08-evaluate-1.5x", "09-export-1.5x", "10-statistics-2.5x", "11-order-2.5x"], Redone(before));
        var warning = Assert.Single(reporter.Warnings);
        Assert.Contains("07-distil-1.5x is done again, because training was ", warning, StringComparison.Ordinal);
        Assert.Contains("15-export-2.5x", warning, StringComparison.Ordinal);
    }

    /// <summary>What does not change a result does not change what is behind it.</summary>
    [Fact]
    public void A_changed_evaluation_redoes_evaluations_alone()
    {
        var before = Marks();
        RunUntil("14-evaluate-2.5x begins.", _folder.Change("evaluation:\n  rounds: 3", "evaluation:\n  rounds: 4"));
        Assert.Equal(["03-evaluate", "08-evaluate-1.5x"], Redone(before));
    }

    /// <summary>Their folders get the numbers that they have now.</summary>
    [Fact]
    public void A_target_more_leaves_the_stages_of_the_others()
    {
        var before = Marks();
        RunUntil("10-statistics-2x begins.", _folder.Change("[1.5, 2.5]", "[1.5, 2, 2.5]"));
        Assert.Empty(Redone(before).Except(["16-statistics-2.5x", "17-order-2.5x", "18-prune-2.5x", "19-distil-2.5x", "20-evaluate-2.5x", "21-export-2.5x"]));
        Assert.Equal(15, Marks().Count);
        Assert.Equal([StageState.Pending, StageState.Done], RunReader.Read(_folder.Run).Skip(10).Take(7).Select(s => s.State).Distinct());
    }

    [Theory]
    [InlineData("06-prune-1.5x/model/model.safetensors")]
    [InlineData("04-statistics-1.5x/statistics/layer-01-FeedForward.safetensors")]
    [InlineData("05-order-1.5x/order.json")]
    [InlineData("family/toy-1.5x/config.json")]
    public void A_damaged_stage_is_done_again_and_said(string file)
    {
        var expected = RecipeFolder.Outputs(_folder.Run);
        var before = Marks();
        var path = Path.Combine(_folder.Run, file);
        var bytes = File.ReadAllBytes(path);
        bytes[^2] ^= 1;
        File.WriteAllBytes(path, bytes);
        var reporter = new RecordingReporter();
        Run(_folder.Read(), null, reporter);
        Assert.Contains("is damaged", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
        Assert.Single(Redone(before));
        Assert.Equal(expected, RecipeFolder.Outputs(_folder.Run));
    }

    [Fact]
    public void A_damaged_stage_is_shown()
    {
        File.Delete(Path.Combine(_folder.Run, "06-prune-1.5x", "plan.json"));
        Assert.Equal(StageState.Damaged, RunReader.Read(_folder.Run).Single(s => s.Stage == "06-prune-1.5x").State);
    }

    [Fact]
    public void A_directory_of_another_recipe_is_refused()
    {
        AssertError("RunOtherRecipe", _folder.Change("name: toy", "name: other"));
    }

    [Fact]
    public void A_directory_of_another_version_is_refused()
    {
        Clear();
        File.WriteAllText(Path.Combine(_folder.Run, "run.json"), """{"format": 2}""");
        AssertError("RunVersion", _folder.Read());
    }

    [Fact]
    public void A_directory_with_other_files_is_refused()
    {
        Clear();
        File.WriteAllText(Path.Combine(_folder.Run, "mine.txt"), "mine");
        AssertError("RunDirectoryTaken", _folder.Read());
    }

    /// <summary>/proc takes no directories, whoever asks.</summary>
    [Fact]
    public void A_place_that_cannot_be_written_to_is_one_error() => Assert.Equal("ZipLM.FileNotWritable", Assert.Throws<ZipLMException>(() =>
        RecipeFlow.Run(_folder.Read(), "/proc/run", fixture.Session, "/", m => m.Dispose(), _reporter, TestContext.Current.CancellationToken)).ErrorId);

    [Fact]
    public void A_directory_in_use_is_refused_and_says_by_whom()
    {
        Clear();
        using (RunLock.Take(_folder.Run, _reporter))
        {
            var error = AssertError("RunLocked", _folder.Read());
            Assert.Contains($"process {Environment.ProcessId} of {Environment.UserName}", error.Message, StringComparison.Ordinal);
            Assert.Contains($"process {Environment.ProcessId}", RunLock.Holder(_folder.Run), StringComparison.Ordinal);
        }

        Assert.Null(RunLock.Holder(_folder.Run));
        Assert.Empty(_reporter.Warnings);
    }

    [Fact]
    public void A_lock_that_a_dead_process_left_is_taken_over()
    {
        Clear();
        File.WriteAllText(Path.Combine(_folder.Run, RunLock.FileName), "");
        File.WriteAllText(Path.Combine(_folder.Run, RunLock.HolderName), """{"process": 4711, "user": "ann", "machine": "gpu7", "since": "yesterday"}""");
        RunLock.Take(_folder.Run, _reporter).Dispose();
        Assert.Contains("process 4711 of ann on gpu7", Assert.Single(_reporter.Warnings), StringComparison.Ordinal);
        RunLock.Take(_folder.Run, _reporter).Dispose();
        Assert.Single(_reporter.Warnings);
    }

    [Fact]
    public void A_target_out_of_reach_is_refused_before_anything_is_pruned()
    {
        Clear();
        var error = AssertError("SpeedupUnreachable", _folder.Change("[1.5, 2.5]", "[1.5, 12]"));
        Assert.Contains("12×", error.Message, StringComparison.Ordinal);
        Assert.Contains("9.28×", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_folder.Run, "04-statistics-1.5x")));
    }

    [Fact]
    public void A_table_of_another_machine_is_refused_unless_it_is_trusted()
    {
        File.WriteAllText(_folder["table.yaml"], File.ReadAllText(_folder["table.yaml"]).Replace("device: cpu", "device: cuda:0", StringComparison.Ordinal));
        AssertError("LatencyTableEnvironment", _folder.Read());
        RunUntil("06-prune-1.5x begins.", _folder.Change("  table: table.yaml", "  table: table.yaml\n  trust: true"));
    }

    [Fact]
    public void A_session_of_another_seed_is_refused() => AssertError("RecipeSession", _folder.Change("seed: 17", "seed: 18"));

    [Fact]
    public void One_shot_members_share_statistics_and_order()
    {
        var stages = RecipeFlow.Plan(_folder.Change("targets:", "schedule: OneShot\ntargets:"), _folder["new"], "/").Stages.Select(s => s.Folder[3..]).ToList();
        Assert.Equal(["latency", "fine-tune", "evaluate", "statistics", "order", "prune-1.5x", "distil-1.5x", "evaluate-1.5x", "export-1.5x", "prune-2.5x", "distil-2.5x", "evaluate-2.5x", "export-2.5x"], stages);
    }

    [Fact]
    public void A_plan_writes_nothing_and_knows_what_is_done()
    {
        var plan = RecipeFlow.Plan(_folder.Read(), _folder["new"], "/");
        Assert.Equal(15, plan.Stages.Count);
        Assert.True(plan.Time > TimeSpan.Zero && plan.Bytes > 0);
        Assert.False(Directory.Exists(_folder["new"]));
        Assert.Equal(TimeSpan.Zero, RecipeFlow.Plan(_folder.Read(), _folder.Run, "/").Time);
    }

    public void Dispose() => _folder.Dispose();

    private CompressionSummary Run(Recipe recipe, List<Model>? models = null, RecordingReporter? reporter = null) => RecipeFlow.Run(
        recipe, _folder.Run, fixture.Session, _folder.Run, m => { if (models is null) { m.Dispose(); } else { models.Add(m); } }, reporter ?? _reporter, TestContext.Current.CancellationToken);

    /// <summary>Runs until a step is told.</summary>
    private void RunUntil(string step, Recipe recipe, RecordingReporter? told = null)
    {
        using var source = new CancellationTokenSource();
        var reporter = new RecordingReporter { OnVerbose = message => { if (message == step) { source.Cancel(); } } };
        Assert.Throws<OperationCanceledException>(() => RecipeFlow.Run(recipe, _folder.Run, fixture.Session, "/", m => m.Dispose(), reporter, source.Token));
        reporter.Warnings.ToList().ForEach(w => told?.Warning(w));
    }

    private void Clear()
    {
        Directory.Delete(_folder.Run, recursive: true);
        Directory.CreateDirectory(_folder.Run);
    }

    private List<Model> Members() => [.. fixture.Summary.Members.Select(m => TransformerModel.FromDirectory(fixture.Session, m.Model, m.Path))];

    private ZipLMException AssertError(string id, Recipe recipe)
    {
        var error = Assert.Throws<ZipLMException>(() => Run(recipe));
        Assert.Equal("ZipLM." + id, error.ErrorId);
        return error;
    }

    private Dictionary<string, DateTime> Marks() => Directory.EnumerateFiles(_folder.Run, StageMark.FileName, SearchOption.AllDirectories)
        .ToDictionary(f => Path.GetFileName(Path.GetDirectoryName(f)!), File.GetLastWriteTimeUtc);

    private IEnumerable<string> Redone(Dictionary<string, DateTime> before) => Marks().Where(m => !before.TryGetValue(m.Key, out var was) || was != m.Value).Select(m => m.Key).Order(StringComparer.Ordinal);
}
