using TorchSharp;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Tests.Models;

namespace ZipLM.Engine.Tests.Compression;

public sealed class TrainingFlowTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly TextDataset Data = TinyBert.Data(24, seed: 11);
    private static readonly TrainingOptions Options = new() { Epochs = 1, BatchSize = 8, LearningRate = 1e-3, LogSteps = 1 };
    private static readonly TrainingOptions Distilling = Options with { Weights = new(1, 1, 1) };

    [Fact]
    public void The_result_is_a_trained_copy_and_the_student_stays_as_it_is()
    {
        using var student = TinyBert.Model(fixture.Session, 80);
        var before = Weights(student);
        var reporter = new RecordingReporter();
        using var trained = TrainingFlow.Run(student, null, Data, Data, Options, reporter, TestContext.Current.CancellationToken);
        Assert.Equal(before, Weights(student));
        Assert.NotEqual(before, Weights(TransformerModel.Of(trained)));
        Assert.Equal(("tiny-trained", ModelState.NotSaved), (trained.Name, trained.State));
        Assert.Equal(student.Layers, trained.Layers);
        Assert.Equal(3, reporter.Milestones.OfType<TrainingMetric>().Count());
        Assert.NotNull(reporter.Milestones.OfType<TrainingMetric>().Last().Validation);
    }

    /// <summary>What is kept of its run is of use only while the student is there.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_student_in_memory_only_is_warned_of_where_a_run_is_kept(bool kept)
    {
        using var folder = new ZipLM.Engine.Tests.Storage.TempFolder();
        using var student = TinyBert.Model(fixture.Session, 80);
        var reporter = new RecordingReporter();
        TrainingFlow.Run(student, null, Data, null, Options with { CheckpointPath = kept ? folder["run"] : null }, reporter, TestContext.Current.CancellationToken).Dispose();
        Assert.Equal(kept ? 1 : 0, reporter.Warnings.Count(w => w.Contains("in memory only", StringComparison.Ordinal)));
    }

    [Fact]
    public void Cancelled_it_leaves_the_student_and_nothing_else()
    {
        using var student = TinyBert.Model(fixture.Session, 82);
        var before = Weights(student);
        using var source = new CancellationTokenSource();
        var steps = 0;
        var reporter = new RecordingReporter
        {
            OnProgress = update =>
            {
                if (++steps == 2)
                {
                    source.Cancel();
                }
            },
        };
        var models = fixture.Session.Models.Count;
        Assert.Throws<OperationCanceledException>(() => TrainingFlow.Run(student, null, Data, null, Options with { Epochs = 100 }, reporter, source.Token));
        Assert.InRange(steps, 2, 4);
        Assert.Equal(before, Weights(student));
        Assert.Equal(models, fixture.Session.Models.Count);
    }

    [Fact]
    public void The_recorded_base_is_the_teacher_and_is_freed_again()
    {
        using var folder = new ModelFolder();
        using var dense = TinyBert.Model(fixture.Session, 83);
        folder.Write(dense);
        using var student = TinyBert.Model(fixture.Session, 84, TinyBert.Describe([(2, 9), (0, 24)]), new() { BaseModel = folder.Path });
        var reporter = new RecordingReporter();
        using var distilled = TrainingFlow.Run(student, null, Data, null, Distilling, reporter, TestContext.Current.CancellationToken);
        Assert.Equal("tiny-distilled", distilled.Name);
        Assert.Equal(folder.Path, distilled.Record.BaseModel);
        Assert.All(reporter.Milestones.OfType<TrainingMetric>(), m => Assert.True(m.TaskLoss > 0 && m.LogitLoss > 0 && m.TokenLoss > 0));
        Assert.Equal([dense, student, distilled], fixture.Session.Models);
    }

    /// <summary>The teacher that is given counts, not the recorded one.</summary>
    [Fact]
    public void A_student_that_is_its_teacher_starts_without_a_loss()
    {
        using var teacher = TinyBert.Model(fixture.Session, 85, NoDropout());
        var reporter = new RecordingReporter();
        using var distilled = TrainingFlow.Run(teacher, teacher, Data, null, Distilling with { Weights = new(0, 1, 1), LearningRate = 1e-12 }, reporter, TestContext.Current.CancellationToken);
        Assert.All(reporter.Milestones.OfType<TrainingMetric>(), m => Assert.Equal(0, m.Loss, 1e-5));
    }

    [Fact]
    public void Without_a_teacher_the_error_names_the_parameter()
    {
        using var student = TinyBert.Model(fixture.Session, 86);
        AssertRefused("TeacherMissing", student, null, Data, Distilling, "-Teacher");
    }

    [Fact]
    public void A_recorded_teacher_that_is_gone_is_an_error_that_names_its_directory()
    {
        var gone = Path.Combine(Path.GetTempPath(), "ziplm-gone");
        using var student = TinyBert.Model(fixture.Session, 87, record: new() { BaseModel = gone });
        var error = AssertRefused("TeacherMissing", student, null, Data, Distilling, "-Teacher");
        Assert.Contains(gone, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_recorded_teacher_whose_weights_have_changed_is_refused()
    {
        using var folder = new ModelFolder();
        using var dense = TinyBert.Model(fixture.Session, 83);
        folder.Write(dense);
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(folder.File("model.safetensors"))));
        using var student = TinyBert.Model(fixture.Session, 84, TinyBert.Describe([(2, 9), (0, 24)]), new() { BaseModel = folder.Path, BaseHash = hash });
        using (TrainingFlow.Run(student, null, Data, null, Distilling, new RecordingReporter(), TestContext.Current.CancellationToken))
        {
        }

        using var other = TinyBert.Model(fixture.Session, 85);
        folder.Write(other);
        var error = AssertRefused("BaseModelChanged", student, null, Data, Distilling, "-Teacher");
        Assert.Contains(folder.Path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_teacher_of_another_session_is_refused()
    {
        using var student = TinyBert.Model(fixture.Session, 88);
        using var session = SessionFixture.Connect();
        using var teacher = TinyBert.Model(session, 88);
        AssertRefused("SessionMismatch", student, teacher, Data, Distilling, "-Session");
    }

    [Fact]
    public void Texts_are_cut_to_what_the_teacher_reads()
    {
        using var student = TinyBert.Model(fixture.Session, 86);
        using var teacher = TinyBert.Model(fixture.Session, 87, TinyBert.Describe(change: c => c["max_position_embeddings"] = 8));
        var reporter = new RecordingReporter();
        using var trained = TrainingFlow.Run(student, teacher, Data, null, Distilling with { Epochs = 2 }, reporter, TestContext.Current.CancellationToken);
        Assert.Contains("cut to 8 tokens", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_teacher_of_single_texts_is_refused_for_pairs()
    {
        using var student = TinyBert.Model(fixture.Session, 88);
        using var teacher = TinyBert.Model(fixture.Session, 89, TinyBert.Describe(change: c => c["type_vocab_size"] = 1));
        Error("TeacherMismatch", "pairs", () => TrainingFlow.Run(student, teacher, Data, null, Distilling, new RecordingReporter(), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Smoothing_is_refused_where_there_are_no_labels()
    {
        using var student = TinyBert.Model(fixture.Session, 90, TinyFamilies.Describe("bert regression"));
        TextDataset data = new("numbers", [new("w1") { Score = 2.5 }, new("w2 w3") { Score = -1 }], []);
        Error("LabelSmoothingUnsupported", "numbers", () => TrainingFlow.Run(student, null, data, null, Options with { LabelSmoothing = 0.1 }, new RecordingReporter(), TestContext.Current.CancellationToken));
    }

    private static void Error(string id, string word, Action run)
    {
        var error = Assert.Throws<ZipLMException>(run);
        Assert.Equal("ZipLM." + id, error.ErrorId);
        Assert.Contains(word, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_teacher_of_other_labels_is_refused()
    {
        using var student = TinyBert.Model(fixture.Session, 88);
        using var teacher = TinyBert.Model(fixture.Session, 89, TinyBert.Describe(change: c => c["id2label"]!["0"] = "cow"));
        AssertRefused("TeacherMismatch", student, teacher, Data, Distilling, "pruned from");
    }

    [Fact]
    public void A_teacher_of_other_words_is_refused()
    {
        using var student = TinyBert.Model(fixture.Session, 88);
        var others = new Engine.Data.BertTokenizer([.. TinyBert.Tokenizer.Vocabulary.Take(5), .. TinyBert.Tokenizer.Vocabulary.Skip(5).Reverse()], new() { MaximumLength = TinyBert.Positions });
        using var teacher = fixture.Session.Run(
            () => TransformerModel.FromWeights(fixture.Session, "other", TinyBert.Describe(), new(), TinyBert.Create(89), others), cancellationToken: CancellationToken.None);
        var error = AssertRefused("TeacherMismatch", student, teacher, Data, Distilling, "tokenizer");
        Assert.Contains("tokenizers", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_that_the_model_does_not_know_is_refused()
    {
        using var student = TinyBert.Model(fixture.Session, 92);
        var data = new TextDataset("animals", [new("w1", Label: 0), new("w2", Label: 1)], ["cat", "yak"]);
        var error = AssertRefused("LabelUnknown", student, null, data, Options, "emu");
        Assert.Contains("yak", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The same names in another order: indices follow the names.</summary>
    [Fact]
    public void Labels_are_matched_by_name()
    {
        using var student = TinyBert.Model(fixture.Session, 93, NoDropout());
        var turned = new TextDataset("turned", [.. Data.Examples.Select(e => e with { Label = 2 - e.Label })], [.. TinyBert.Labels.Reverse()]);
        using var one = TrainingFlow.Run(student, null, Data, null, Options, new RecordingReporter(), TestContext.Current.CancellationToken);
        using var two = TrainingFlow.Run(student, null, turned, null, Options, new RecordingReporter(), TestContext.Current.CancellationToken);
        Assert.Equal(Weights(TransformerModel.Of(one)), Weights(TransformerModel.Of(two)));
    }

    [Fact]
    public void Rows_without_labels_are_refused_for_the_task_loss_only()
    {
        using var student = TinyBert.Model(fixture.Session, 94);
        using var teacher = TinyBert.Model(fixture.Session, 95);
        var data = new TextDataset("texts", [.. Data.Examples.Select(e => e with { Label = null })], []);
        AssertRefused("DatasetUnlabelled", student, null, data, Options, "-TaskWeight 0");
        using var distilled = TrainingFlow.Run(student, teacher, data, null, Distilling with { Weights = new(0, 1, 0) }, new RecordingReporter(), TestContext.Current.CancellationToken);
        using var other = TrainingFlow.Run(student, teacher, data, null, Distilling with { Weights = new(0, 0, 1) }, new RecordingReporter(), TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Validation_without_labels_is_refused_before_any_training()
    {
        using var student = TinyBert.Model(fixture.Session, 100);
        var reporter = new RecordingReporter();
        var error = Assert.Throws<ZipLMException>(() => TrainingFlow.Run(
            student, null, Data, new TextDataset("texts", [new("w1")], []), Options, reporter, TestContext.Current.CancellationToken));
        Assert.Equal("ZipLM.DatasetUnlabelled", error.ErrorId);
        Assert.Contains("texts", error.Message, StringComparison.Ordinal);
        Assert.Empty(reporter.Milestones);
    }

    [Fact]
    public void Without_data_the_error_says_how_to_give_some()
    {
        using var student = TinyBert.Model(fixture.Session, 96);
        AssertRefused("TrainingDataMissing", student, null, null, Options, "-TrainingData");
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1, -1, 0)]
    [InlineData(double.NaN, 0, 1)]
    public void Weights_of_the_losses_that_cannot_be_are_refused(double task, double logit, double token)
    {
        using var student = TinyBert.Model(fixture.Session, 97);
        AssertRefused("LossWeightsInvalid", student, null, Data, Options with { Weights = new(task, logit, token) }, "above 0");
    }

    [Fact]
    public void A_model_without_a_head_is_refused()
    {
        using var student = TinyBert.Model(fixture.Session, 98, TinyBert.Describe(change: c => c["architectures"]![0] = "BertModel"));
        AssertRefused("ModelHeadMissing", student, null, Data, Options, "checkpoint for a task");
    }

    [Fact]
    public void Data_is_recorded_in_the_result_where_it_came_from_a_file()
    {
        using var student = TinyBert.Model(fixture.Session, 99);
        var reference = new DatasetReference("/data/toy.tsv", "tsv", "text", null, "label");
        using var trained = TrainingFlow.Run(student, null, new("toy", Data.Examples, Data.Labels, reference), null, Options, new RecordingReporter(), TestContext.Current.CancellationToken);
        Assert.Equal(reference, trained.Record.TrainingData);
    }

    private static ModelDescription NoDropout() => TinyBert.Describe(change: c =>
    {
        c["hidden_dropout_prob"] = 0.0;
        c["attention_probs_dropout_prob"] = 0.0;
    });

    private static ZipLMException AssertRefused(string id, Model student, Model? teacher, TextDataset? data, TrainingOptions options, string remedy)
    {
        var error = Assert.Throws<ZipLMException>(() => TrainingFlow.Run(student, teacher, data, null, options, new RecordingReporter(), TestContext.Current.CancellationToken));
        Assert.Equal("ZipLM." + id, error.ErrorId);
        Assert.Contains(remedy, error.Remedy, StringComparison.Ordinal);
        return error;
    }

    private double[] Weights(TransformerModel model)
    {
        double[] weights = [];
        fixture.Run(() => weights = [.. model.Weights(null, CancellationToken.None).Parameters.SelectMany(p => TinyBert.Values(p.Parameter))]);
        return weights;
    }
}
