using Xunit;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Recipes;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Recipes;

/// <summary>What stages keep, share and refuse, on copies of a run that is done.</summary>
public sealed class RecipeStageTests(RunFixture fixture) : IClassFixture<RunFixture>, IDisposable
{
    private const string FineTune = "02-fine-tune";

    private readonly RecipeFolder _folder = new(fixture.Done);
    private readonly RecordingReporter _reporter = new();

    [Fact]
    public void A_training_keeps_its_optimiser_and_leaves_times_to_the_measurements()
    {
        var checkpoint = Assert.Single(Directory.GetFileSystemEntries(At(FineTune, "checkpoint")));
        using (var stored = SafeTensorsFile.Open(checkpoint))
        {
            Assert.Superset(new HashSet<string> { "weights", "exp_avg", "exp_avg_sq" }, stored.Entries.Keys.ToHashSet());
        }

        Assert.Contains(StageMark.Read(At(FineTune))!.Files, f => f.Path == "checkpoint/checkpoint.safetensors");
        // One line for each epoch.
        Assert.Single(new StageFolder(At(FineTune)).Measured!["curve"]!.AsArray());
        Assert.False(Directory.Exists(At("teacher")));
    }

    /// <summary>Stopped within an epoch it goes on from there, although what a writer left that was killed lies beside.</summary>
    [Fact]
    public void A_stopped_training_goes_on_and_ends_with_the_same_bytes()
    {
        var (expected, recipe) = (RecipeFolder.Outputs(_folder.Run), _folder.Read());
        Directory.Delete(At(FineTune), recursive: true);
        using var source = new CancellationTokenSource();
        var stopping = new RecordingReporter { OnProgress = update => { if (update.Status.StartsWith("step 3 of", StringComparison.Ordinal)) { source.Cancel(); } } };
        Assert.Throws<OperationCanceledException>(() => RecipeFlow.Run(recipe, _folder.Run, fixture.Session, "/", m => m.Dispose(), stopping, source.Token));
        File.WriteAllText(At(FineTune, "checkpoint", ".checkpoint.safetensors.0.tmp"), "cut");
        Run(recipe);
        Assert.Contains(_reporter.VerboseMessages, m => m.StartsWith("Going on after step 3", StringComparison.Ordinal));
        Assert.Equal(expected, RecipeFolder.Outputs(_folder.Run));
        Assert.Empty(_reporter.Warnings);
    }

    /// <summary>Ended when the training was through and its results were being written down.</summary>
    [Fact]
    public void An_end_before_the_done_mark_keeps_the_learning_curve()
    {
        var recipe = _folder.Read();
        Directory.Delete(At(FineTune), recursive: true);
        var failing = new RecordingReporter { OnProgress = update => { if (update is { Activity: "Training", Completed: true }) { Directory.CreateDirectory(At(FineTune, StageFolder.Measurements)); } } };
        Assert.ThrowsAny<Exception>(() => RecipeFlow.Run(recipe, _folder.Run, fixture.Session, "/", m => m.Dispose(), failing, CancellationToken.None));
        Run(recipe);
        Assert.Equal(5, Assert.Single(StageTraining.Curve(new StageFolder(At(FineTune)))).Step);
        Assert.Single(Directory.GetFileSystemEntries(At(FineTune, "checkpoint")));
    }

    [Fact]
    public void A_checkpoint_that_is_of_no_use_is_said_and_made_again()
    {
        var expected = RecipeFolder.Outputs(_folder.Run);
        var file = At(FineTune, "checkpoint", "checkpoint.safetensors");
        File.Delete(At(FineTune, StageMark.FileName));
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^100]);
        Run(_folder.Read());
        Assert.Contains("the training begins again", Assert.Single(_reporter.Warnings), StringComparison.Ordinal);
        Assert.Equal(expected, RecipeFolder.Outputs(_folder.Run));
    }

    /// <summary>The machine got other processors: hours of training are not thrown away for a difference of rounding.</summary>
    [Fact]
    public void A_checkpoint_of_other_threads_is_gone_on_from_and_said()
    {
        var file = At(FineTune, "checkpoint", "checkpoint.safetensors");
        File.Delete(At(FineTune, StageMark.FileName));
        File.WriteAllBytes(file, OtherThreads(File.ReadAllBytes(file)));
        Run(_folder.Read());
        Assert.Contains("threads 9 instead of 1", Assert.Single(_reporter.Warnings), StringComparison.Ordinal);
        Assert.Contains(_reporter.VerboseMessages, m => m.StartsWith("Going on after step", StringComparison.Ordinal));

        // The header is JSON within JSON.
        static byte[] OtherThreads(byte[] bytes) => System.Text.Encoding.Latin1.GetBytes(System.Text.RegularExpressions.Regex.Replace(
            System.Text.Encoding.Latin1.GetString(bytes), "(threads(?:\\\\u0022|\\\\\"):(?:\\\\u0022|\\\\\"))1", "${1}9"));
    }

    /// <summary>A driver that fails after a restart must not cost the hours that were trained on the GPU.</summary>
    [Fact]
    public void A_checkpoint_of_another_device_stays_and_the_run_says_where_it_can_go_on()
    {
        var file = At(FineTune, "checkpoint", "checkpoint.safetensors");
        File.Delete(At(FineTune, StageMark.FileName));
        // A name of the same length, so that nothing else in the file moves.
        File.WriteAllBytes(file, System.Text.Encoding.Latin1.GetBytes(System.Text.RegularExpressions.Regex.Replace(
            System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file)), "(device(?:\\\\u0022|\\\\\"):(?:\\\\u0022|\\\\\"))cpu", "${1}gpu")));
        var kept = File.ReadAllBytes(file);
        var error = Assert.Throws<ZipLMException>(() => Run(_folder.Read()));
        Assert.Equal("ZipLM.TrainingCheckpointDevice", error.ErrorId);
        Assert.Contains("was begun on gpu, and this is cpu", error.Message, StringComparison.Ordinal);
        Assert.Equal(kept, File.ReadAllBytes(file));
    }

    [Theory]
    [InlineData("{\"format\": 1,")]
    [InlineData("{\"format\": 1}")]
    public void A_damaged_record_of_the_run_names_the_one_file_to_delete(string text)
    {
        var file = Path.Combine(_folder.Run, "run.json");
        File.WriteAllText(file, text);
        var error = Assert.Throws<ZipLMException>(() => Run(_folder.Read()));
        Assert.Equal(("ZipLM.RunFileInvalid", file), (error.ErrorId, error.Target));
        Assert.Contains("this file alone", error.Remedy, StringComparison.Ordinal);
    }

    /// <summary>An export or a note beside the weights, how often a training tells of itself, and a record that was lost: nothing is made anew.</summary>
    [Fact]
    public void What_no_result_depends_on_redoes_nothing()
    {
        File.WriteAllText(_folder["tiny/model.onnx"], "an export");
        File.WriteAllText(_folder["tiny/README.md"], "a note");
        File.Delete(Path.Combine(_folder.Run, "run.json"));
        Run(_folder.Change("  learning_rate: 1e-3\npruning", "  learning_rate: 1e-3\n  log_steps: 3\npruning"));
        Assert.Empty(_reporter.Warnings);
        Assert.DoesNotContain(_reporter.VerboseMessages, m => m.EndsWith(" begins.", StringComparison.Ordinal));
    }

    /// <summary>The stage's own checkpoint brings a damaged model back, unless it is what was damaged.</summary>
    [Fact]
    public void A_damaged_checkpoint_is_not_gone_on_from()
    {
        var expected = RecipeFolder.Outputs(_folder.Run);
        var file = At(FineTune, "checkpoint", "checkpoint.safetensors");
        var bytes = File.ReadAllBytes(file);
        bytes[^2] ^= 1;
        File.WriteAllBytes(file, bytes);
        Run(_folder.Read());
        Assert.DoesNotContain(_reporter.VerboseMessages, m => m.StartsWith("Going on", StringComparison.Ordinal));
        Assert.Equal(expected, RecipeFolder.Outputs(_folder.Run));
    }

    /// <summary>To its end, with graphs: both members learn from what the teacher said once.</summary>
    [Fact]
    public void A_one_shot_run_asks_the_teacher_once_and_exports_graphs()
    {
        var asked = new HashSet<string>();
        var recipe = _folder.Change("targets: [1.5, 2.5]", "schedule: OneShot\nexports: [Onnx]\ntargets: [1.2, 2]");
        var reporter = new RecordingReporter
        {
            OnProgress = update => { if (update.Activity == "Asking the teacher") { asked.Add(Assert.Single(Directory.GetFiles(At("teacher")))); } },
        };
        var summary = RecipeFlow.Run(recipe, _folder.Run, fixture.Session, "/", m => m.Dispose(), reporter, TestContext.Current.CancellationToken);
        Assert.Equal([1.2, 2], summary.Members.Select(m => m.Target));
        Assert.All(summary.Members, m => Assert.True(File.Exists(Path.Combine(m.Path, "model.onnx"))));
        Assert.Equal(StageState.Done, RunReader.Read(_folder.Run).Select(s => s.State).Distinct().Single());
        Assert.Equal(2, reporter.VerboseMessages.Count(m => m.Contains("are kept in half precision in", StringComparison.Ordinal)));
        Assert.Single(asked.Select(a => Path.GetExtension(a) == ".tmp"));
        Assert.False(Directory.Exists(At("teacher")));
        // Statistics and members of the other schedule and target stay, and that is said.
        Assert.Contains(reporter.Warnings, w => w.Contains("13-distil-2.5x", StringComparison.Ordinal) && w.Contains("family/toy-2.5x", StringComparison.Ordinal));
    }

    /// <summary>One error in the middle of a run, and what was done stays: /proc takes no files, whoever asks.</summary>
    [Fact]
    public void A_place_that_takes_no_files_is_one_error_and_the_run_goes_on_after_it()
    {
        var expected = RecipeFolder.Outputs(_folder.Run);
        Directory.Delete(At("family"), recursive: true);
        Directory.CreateSymbolicLink(At("family"), "/proc/self/ns");
        Assert.Equal("ZipLM.FileNotWritable", Assert.Throws<ZipLMException>(() => Run(_folder.Read())).ErrorId);
        Directory.Delete(At("family"));
        Run(_folder.Read());
        Assert.Equal(expected, RecipeFolder.Outputs(_folder.Run));
    }

    [Fact]
    public void A_target_out_of_reach_is_refused_although_the_table_was_there()
    {
        var error = Assert.Throws<ZipLMException>(() => Run(_folder.Change("[1.5, 2.5]", "[1.5, 12]")));
        Assert.Equal("ZipLM.SpeedupUnreachable", error.ErrorId);
        Assert.DoesNotContain(_reporter.VerboseMessages, m => m.EndsWith("begins.", StringComparison.Ordinal));
    }

    /// <summary>A live table, measured once. What it says of a model as small as this is chance, so the targets are such that any table reaches them.</summary>
    [Fact]
    public void A_table_that_was_measured_is_never_measured_again()
    {
        var recipe = _folder.Change("latency:\n  table: table.yaml\ntargets: [1.5, 2.5]", "latency:\n  rounds: 3\ntargets: [1.01, 1.02]");
        Stop(recipe, "02-fine-tune begins.", "03-evaluate begins.");
        var table = File.ReadAllBytes(At("01-latency", "table.yaml"));
        Stop(recipe, "03-evaluate begins.", "04-statistics-1.01x begins.");
        Assert.Equal(table, File.ReadAllBytes(At("01-latency", "table.yaml")));
    }

    [Theory]
    [InlineData("dev.tsv", "evaluation")]
    [InlineData("train.tsv", "the task loss")]
    public void Data_without_labels_are_refused_before_anything_starts(string file, string use)
    {
        var lines = File.ReadAllLines(_folder[file]);
        File.WriteAllLines(_folder[file], lines.Select(l => l[..l.LastIndexOf('\t')]));
        var error = Assert.Throws<ZipLMException>(() => RecipeFlow.Run(
            _folder.Read(), _folder["new"], fixture.Session, "/", m => m.Dispose(), _reporter, TestContext.Current.CancellationToken));
        Assert.Equal(("ZipLM.DatasetUnlabelled", _folder[file]), (error.ErrorId, error.Target));
        Assert.Contains(use, error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["new"]));
    }

    [Fact]
    public void Without_a_number_of_threads_a_session_has_one_for_each_processor()
    {
        var recipe = _folder.Change("  threads: 1\n", "");
        Assert.Equal(Environment.ProcessorCount == SessionFixture.Threads, RecipeFlow.Fits(recipe, fixture.Session));
    }

    /// <summary>Found by their names, whatever number their folders had.</summary>
    [Fact]
    public void A_plan_knows_what_a_change_redoes()
    {
        Directory.Move(At("05-order-1.5x"), At("17-order-1.5x"));
        Assert.Empty(ToDo(_folder.Read()));
        Assert.Equal(
            ["07-distil-1.5x", "08-evaluate-1.5x", "09-export-1.5x", "10-statistics-2.5x", "11-order-2.5x", "12-prune-2.5x", "13-distil-2.5x", "14-evaluate-2.5x", "15-export-2.5x"],
            ToDo(_folder.Change("token: 0.5", "token: 0.25")));
        // How often a checkpoint is kept changes nothing.
        Assert.Empty(ToDo(_folder.Change("  epochs: 1", "  epochs: 1\n  checkpoint_seconds: 1")));
        // All that is computed hangs on the precision.
        Assert.Equal(["01-latency", "02-fine-tune", "03-evaluate", "04-statistics-1.5x"], ToDo(_folder.Change("  threads: 1", "  threads: 1\n  precision: BFloat16")).Take(4));

        IEnumerable<string> ToDo(Recipe recipe) => RecipeFlow.Plan(recipe, _folder.Run, "/").Stages.Where(s => !s.IsDone).Select(s => s.Folder);
    }

    /// <summary>A second target of a model with nothing left is the same model again.</summary>
    [Fact]
    public void A_member_with_nothing_left_is_no_error_of_the_next()
    {
        var recipe = _folder.Change("[1.5, 2.5]", "[9.27, 9.275]") with { FineTune = null };
        var summary = RecipeFlow.Run(recipe, _folder["empty"], fixture.Session, "/", m => m.Dispose(), _reporter, TestContext.Current.CancellationToken);
        Assert.Single(summary.Members.Select(m => m.Parameters).Distinct());
        Assert.Contains(_reporter.Warnings, w => w.Contains("learns without the token loss", StringComparison.Ordinal));
    }

    public void Dispose() => _folder.Dispose();

    private string At(params string[] parts) => Path.Combine([_folder.Run, .. parts]);

    private void Run(Recipe recipe) =>
        RecipeFlow.Run(recipe, _folder.Run, fixture.Session, "/", m => m.Dispose(), _reporter, TestContext.Current.CancellationToken);

    /// <summary>Runs until one of some steps is told.</summary>
    private void Stop(Recipe recipe, params string[] steps)
    {
        using var source = new CancellationTokenSource();
        var reporter = new RecordingReporter { OnVerbose = message => { if (steps.Contains(message)) { source.Cancel(); } } };
        Assert.Throws<OperationCanceledException>(() => RecipeFlow.Run(recipe, _folder.Run, fixture.Session, "/", m => m.Dispose(), reporter, source.Token));
    }
}
