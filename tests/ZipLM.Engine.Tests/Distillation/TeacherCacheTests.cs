using TorchSharp;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;
using ZipLM.Engine.Tests.Models;
using ZipLM.Engine.Tests.Storage;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Distillation;

public sealed class TeacherCacheTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly TextDataset Texts = TinyBert.Data(70, seed: 51);
    private static readonly EncodedDataset Data = TinyBert.Encode(Texts);
    private static readonly TrainingOptions Options = new() { Epochs = 2, BatchSize = 8, LearningRate = 1e-3, LogSteps = 100, Weights = new(1, 1, 1) };

    [Fact]
    public void What_is_kept_is_the_teachers_answer_in_half_precision() => fixture.Run(() =>
    {
        using var folder = new TempFolder();
        using var model = TinyBert.Create(80);
        using var pairs = new LayerPairs([(0, 1), (1, 0)], TinyBert.Hidden, TinyBert.Hidden, 1, CPU, ScalarType.Float32);
        var teacher = new Teacher(model, Options.Weights, 2, pairs);
        var fields = Teacher.Fields(ModelTask.SequenceClassification, Options.Weights, 3, 40, 2, TinyBert.Hidden);
        var origin = new Dictionary<string, string> { ["teacher"] = "one" };
        using var cache = TeacherCache.OpenOrMake(folder["cache"], teacher, fields, 2, Data, origin, CPU, new RecordingReporter(), CancellationToken.None);
        foreach (var rows in BatchSampler.Shuffled(Data.Lengths, 9, 1, 0))
        {
            var padded = PaddedRows.From(Data, rows);
            using var batch = new Batch(padded, CPU);
            using var expected = teacher.Ask(batch);
            using var kept = cache.Answer(cache.Read(padded), CPU);
            TinyBert.AssertTensorsClose(expected.Logits!, kept.Logits!, 1e-3);
            Assert.Equal(2, kept.Hidden.Count);
            foreach (var (h, k) in expected.Hidden.Zip(kept.Hidden))
            {
                TinyBert.AssertTensorsClose(h * batch.Mask.unsqueeze(2).to(float32), k, 2e-3);
            }
        }

        using var file = SafeTensorsFile.Open(folder["cache"]);
        Assert.Equal([Data.Examples.Count, 3], file.Entries["logits"].Shape);
        Assert.Equal([Data.Lengths.Sum(), 2 * TinyBert.Hidden], file.Entries["hidden"].Shape);
        Assert.Equal(TeacherCache.Bytes(fields, Data), file.Entries.Values.Sum(e => e.Bytes));
    });

    [Fact]
    public void A_cache_that_is_cut_off_while_it_is_in_use_is_an_error_that_names_it() => fixture.Run(() =>
    {
        using var folder = new TempFolder();
        using var model = TinyBert.Create(80);
        var teacher = new Teacher(model, new(0, 1, 0), 2, null);
        var fields = Teacher.Fields(ModelTask.SequenceClassification, new(0, 1, 0), 3, 40, 0, 0);
        using var cache = TeacherCache.OpenOrMake(folder["cache"], teacher, fields, 0, Data, new Dictionary<string, string>(), CPU, new RecordingReporter(), CancellationToken.None);
        using (var file = new FileStream(folder["cache"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            file.SetLength(16);
        }

        var error = Assert.Throws<ZipLMException>(() => cache.Read(PaddedRows.From(Data, [3, 5])));
        Assert.Equal(("ZipLM.CheckpointUnreadable", folder["cache"]), (error.ErrorId, error.Target));
        Assert.Contains("cut off", error.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void A_cache_of_another_teacher_is_made_anew_and_its_own_is_not() => fixture.Run(() =>
    {
        using var folder = new TempFolder();
        using var one = TinyBert.Create(81);
        using var two = TinyBert.Create(82);
        var first = Logits(one, "one");
        // The name decides, not the weights: so this shows that nobody was asked.
        Assert.Equal(first, Logits(two, "one"));
        Assert.NotEqual(first, Logits(two, "two"));
        Assert.Equal(["cache"], new DirectoryInfo(folder.Root).GetFiles().Select(f => f.Name));

        double[] Logits(Transformer model, string name)
        {
            var teacher = new Teacher(model, new(0, 1, 0), 2, null);
            var fields = Teacher.Fields(ModelTask.SequenceClassification, new(0, 1, 0), 3, 40, 0, 0);
            using var cache = TeacherCache.OpenOrMake(
                folder["cache"], teacher, fields, 0, Data, new Dictionary<string, string> { ["teacher"] = name }, CPU, new RecordingReporter(), CancellationToken.None);
            using var answer = cache.Answer(cache.Read(PaddedRows.From(Data, [3, 5])), CPU);
            return TinyBert.Values(answer.Logits!);
        }
    });

    /// <summary>The same teacher and data with other weights of the losses: what is in the file is not what is asked for.</summary>
    [Fact]
    public void A_cache_of_other_answers_of_the_same_teacher_is_made_anew() => fixture.Run(() =>
    {
        using var folder = new TempFolder();
        using var model = TinyBert.Create(85);
        using var pairs = new LayerPairs([(0, 1)], TinyBert.Hidden, TinyBert.Hidden, 1, CPU, ScalarType.Float32);
        var rows = PaddedRows.From(Data, [3, 5]);
        using var batch = new Batch(rows, CPU);
        foreach (var (weights, compared) in new (LossWeights, LayerPairs?)[] { (new(0, 1, 1), pairs), (new(0, 0, 1), pairs), (new(0, 1, 0), null) })
        {
            var teacher = new Teacher(model, weights, 2, compared);
            var fields = Teacher.Fields(ModelTask.SequenceClassification, weights, 3, 40, compared is null ? 0 : 1, TinyBert.Hidden);
            using var cache = TeacherCache.OpenOrMake(
                folder["cache"], teacher, fields, 1, Data, new Dictionary<string, string> { ["teacher"] = "one" }, CPU, new RecordingReporter(), CancellationToken.None);
            using var expected = teacher.Ask(batch);
            using var kept = cache.Answer(cache.Read(rows), CPU);
            Assert.Equal((expected.Logits is null, expected.Hidden.Count), (kept.Logits is null, kept.Hidden.Count));
            foreach (var (h, k) in expected.Hidden.Zip(kept.Hidden))
            {
                TinyBert.AssertTensorsClose(h * batch.Mask.unsqueeze(2).to(float32), k, 2e-3);
            }
        }
    });

    [Fact]
    public void The_longer_the_answers_the_fewer_rows_are_asked_for_at_a_time() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(86);
        using var pairs = new LayerPairs([(0, 0), (1, 1)], TinyBert.Hidden, TinyBert.Hidden, 1, CPU, ScalarType.Float32);
        // Both blocks' outputs, and once more together.
        var perRow = Data.Lengths.Max() * 4 * TinyBert.Hidden;
        var teacher = new Teacher(model, Options.Weights, 2, pairs);
        Assert.Equal([1, 3, 64], new long[] { 1, (4 * perRow) - 1, long.MaxValue }.Select(numbers => teacher.RowsWithin(numbers, 64, Data)));
        // Scores of 40 words at each token.
        var texts = EncodedDataset.Encode(Texts, TinyBert.Tokenizer, 32, CancellationToken.None, ModelTask.CausalLanguageModeling);
        Assert.Equal(2, new Teacher(model, new(0, 1, 0), 2, null).RowsWithin(2 * texts.Lengths.Max() * 40, 64, texts));
    });

    /// <summary>All words kept, the divergence is the full one; some, it is that of the chain with one word for all others.</summary>
    [Fact]
    public void The_likeliest_words_stand_for_all() => fixture.Run(() =>
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        var (teacher, student) = (randn(2, 3, 50, float64) * 3, randn(2, 3, 50, float64));
        var full = Divergence(teacher, student, 50);
        TinyBert.AssertTensorsClose(full, LikelyWords.Of(teacher, 2).Divergence(student, 2), 1e-4);

        var (wideTeacher, wideStudent) = (randn(1, 2, 200, float64) * 3, randn(1, 2, 200, float64));
        TinyBert.AssertTensorsClose(Divergence(wideTeacher, wideStudent, LikelyWords.Count), LikelyWords.Of(wideTeacher, 2).Divergence(wideStudent, 2), 1e-4);

        static Tensor Divergence(Tensor teacher, Tensor student, int kept)
        {
            var (p, q) = ((teacher / 2).softmax(2), (student / 2).softmax(2));
            var order = p.argsort(2, descending: true);
            (p, q) = (p.gather(2, order), q.gather(2, order));
            Tensor Lumped(Tensor x) => kept == x.shape[2] ? x : cat([x.narrow(2, 0, kept), x.narrow(2, kept, x.shape[2] - kept).sum(2, keepdim: true)], 2);
            var (a, b) = (Lumped(p), Lumped(q));
            return (a * (a / b).log()).sum(new long[] { 2 }) * 4;
        }
    });

    [Theory]
    [InlineData(2, long.MaxValue, "are kept")]
    [InlineData(2, 1000, "-CacheLimit")]
    [InlineData(1, long.MaxValue, "comes up once")]
    public void The_choice_is_told_and_hardly_changes_the_result(double epochs, long limit, string told)
    {
        var named = 0;
        // A kill at any time would leave what has a name.
        var reporter = new RecordingReporter { OnProgress = _ => named += Directory.GetFiles(System.IO.Path.GetTempPath(), "*ziplm-teacher-*").Length };
        var weights = Train(Options with { Epochs = epochs, CacheLimit = limit }, reporter);
        Assert.Equal(0, named);
        Assert.Contains(reporter.VerboseMessages, m => m.Contains(told, StringComparison.Ordinal));
        TinyBert.AssertClose(Train(Options with { Epochs = epochs, CacheLimit = 0 }, new()), weights, 2e-3);
        Assert.Empty(Directory.GetFiles(System.IO.Path.GetTempPath(), "ziplm-teacher-*"));
    }

    [Fact]
    public void Where_memory_runs_out_the_teacher_is_asked_for_half_the_rows()
    {
        var failures = 0;
        var reporter = new RecordingReporter
        {
            OnProgress = update =>
            {
                if (update.Activity == "Asking the teacher" && failures < 2)
                {
                    failures++;
                    throw new OutOfMemoryException();
                }
            },
        };
        var weights = Train(Options, reporter);
        Assert.Equal(
            ["Memory ran out while the teacher was asked for 64 rows at a time. Asking for 32.", "Memory ran out while the teacher was asked for 32 rows at a time. Asking for 16."],
            reporter.Warnings);
        TinyBert.AssertClose(Train(Options, new()), weights, 2e-3);
    }

    /// <summary>Of 40 words all are among the likeliest, so that the cache says what the teacher does.</summary>
    [Fact]
    public void A_language_model_learns_the_same_from_its_teachers_likeliest_words()
    {
        using var student = TinyBert.Model(fixture.Session, 87, TinyFamilies.Describe("gpt2 causal", "2/9 3/0"));
        using var teacher = TinyBert.Model(fixture.Session, 88, TinyFamilies.Describe("gpt2 causal"));
        TextDataset texts = new("texts", [.. Texts.Examples.Take(24).Select(e => new TextExample(e.Text))], []);
        var reporter = new RecordingReporter();
        var kept = Train(Options with { BatchSize = 6 }, reporter, student, teacher, texts);
        Assert.Contains(reporter.VerboseMessages, m => m.Contains("words, log probabilities, hidden", StringComparison.Ordinal));
        TinyBert.AssertClose(Train(Options with { BatchSize = 6, CacheLimit = 0 }, new(), student, teacher, texts), kept, 2e-3);
    }

    private double[] Train(TrainingOptions options, RecordingReporter reporter)
    {
        using var student = TinyBert.Model(fixture.Session, 83, TinyBert.Describe([(2, 9), (3, 0)]));
        using var teacher = TinyBert.Model(fixture.Session, 84);
        return Train(options, reporter, student, teacher, Texts);
    }

    private double[] Train(TrainingOptions options, RecordingReporter reporter, TransformerModel student, TransformerModel teacher, TextDataset texts)
    {
        using var trained = TrainingFlow.Run(student, teacher, texts, null, options, reporter, CancellationToken.None);
        double[] weights = [];
        fixture.Run(() => weights = TrainingRig.Weights(TransformerModel.Of(trained).Weights(null, CancellationToken.None)));
        return weights;
    }
}
