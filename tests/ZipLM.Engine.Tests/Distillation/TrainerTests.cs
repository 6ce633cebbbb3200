using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Distillation;

[Collection(AloneCollection.Name)]
public sealed class TrainerTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(8, seed: 7));

    private const int Seed = 5;

    private static readonly TrainingOptions Distilling = new() { Weights = new(0.7, 1.3, 0.4), BatchSize = 4, LearningRate = 1e-3 };

    [Fact]
    public void Gradients_of_the_total_loss_are_those_of_finite_differences() => fixture.Run(() =>
    {
        const double Step = 1e-5;
        using var student = TinyBert.Create(TrainingRig.NoDropout([(3, 9), (4, 0), (0, 24)]), 40, ScalarType.Float64);
        using var teacher = TinyBert.Create(TrainingRig.NoDropout([(4, 24), (4, 24), (4, 24)]), 41, ScalarType.Float64);
        using var batch = TinyBert.Batch(Data);
        student.RequireGradients(true);
        TrainingRig.Losses(Distilling, student, teacher, batch).Total.backward();
        var gradients = student.Parameters.ToDictionary(p => p.Name, p => TinyBert.Values(p.Parameter.grad!));
        student.RequireGradients(false);

        var random = new Random(42);
        var word = TinyBert.Values(batch.InputIds)[1];
        foreach (var (name, parameter) in student.Parameters)
        {
            var gradient = gradients[name];
            for (var i = 0; i < 3; i++)
            {
                var index = name.Contains("word_embeddings", StringComparison.Ordinal) ? (int)(word * TinyBert.Hidden) + i
                    : name.Contains("position_embeddings", StringComparison.Ordinal) ? i * TinyBert.Hidden
                    : random.Next(gradient.Length);
                var numeric = (Loss(parameter, index, Step) - Loss(parameter, index, -Step)) / (2 * Step);
                Assert.True(Math.Abs(numeric - gradient[index]) <= 1e-7 + (1e-6 * Math.Abs(numeric)), $"{name}[{index}]: {gradient[index]} instead of {numeric}");
            }
        }

        double Loss(Tensor parameter, int index, double change)
        {
            using var scope = NewDisposeScope();
            var element = parameter.view(-1).narrow(0, index, 1);
            element.add_(change);
            var loss = TrainingRig.Losses(Distilling, student, teacher, batch).Total.item<double>();
            element.sub_(change);
            return loss;
        }
    });

    [Fact]
    public void Ids_at_padded_positions_change_neither_losses_nor_gradients() => fixture.Run(() =>
    {
        using var student = TinyBert.Create(TrainingRig.NoDropout([(3, 9), (2, 24)]), 43, ScalarType.Float64);
        using var teacher = TinyBert.Create(TrainingRig.NoDropout([(4, 24), (4, 24)]), 44, ScalarType.Float64);
        using var batch = TinyBert.Batch(Data);
        Assert.True(batch.IsPadded);
        var (losses, gradients) = LossesAndGradients(student, teacher, batch);
        batch.InputIds.masked_fill_(batch.Mask.logical_not(), 11);
        batch.TypeIds.masked_fill_(batch.Mask.logical_not(), 1);
        var (otherLosses, otherGradients) = LossesAndGradients(student, teacher, batch);
        Assert.Equal(losses, otherLosses);
        Assert.Equal(gradients, otherGradients);

        // The opposite: a real token counts.
        batch.InputIds[0, 1] = batch.InputIds[0, 1].eq(11).to(int64) + 11;
        Assert.NotEqual(losses, LossesAndGradients(student, teacher, batch).Losses);
    });

    [Fact]
    public void A_batch_with_padding_has_the_token_loss_of_its_texts_one_by_one() => fixture.Run(() =>
    {
        using var student = TinyBert.Create(TrainingRig.NoDropout([(3, 9), (2, 24)]), 45, ScalarType.Float64);
        using var teacher = TinyBert.Create(TrainingRig.NoDropout([(4, 24), (4, 24)]), 46, ScalarType.Float64);
        using var batch = TinyBert.Batch(Data);
        var terms = TrainingRig.Losses(Distilling, student, teacher, batch);
        var rows = TinyBert.Rows(Data).Select(row => TrainingRig.Losses(Distilling, student, teacher, row)).ToList();
        Assert.Equal(rows.Average(r => r.Task!.item<double>()), terms.Task!.item<double>(), 1e-10);
        Assert.Equal(rows.Average(r => r.Logit!.item<double>()), terms.Logit!.item<double>(), 1e-10);
        Assert.Equal(rows.Zip(Data.Lengths, (r, tokens) => r.Token!.item<double>() * tokens).Sum() / Data.Lengths.Sum(), terms.Token!.item<double>(), 1e-10);
        Assert.Equal(
            (0.7 * terms.Task.item<double>()) + (1.3 * terms.Logit.item<double>()) + (0.4 * terms.Token.item<double>()), terms.Total.item<double>(), 1e-12);
    });

    [Fact]
    public void A_student_that_is_its_teacher_has_nothing_to_learn_from_it() => fixture.Run(() =>
    {
        using var teacher = TinyBert.Create(TrainingRig.NoDropout([(4, 24), (4, 24)]), 47, ScalarType.Float64);
        using var student = teacher.Copy();
        using var batch = TinyBert.Batch(Data);
        var terms = TrainingRig.Losses(Distilling with { Weights = new(0, 1, 1) }, student, teacher, batch);
        Assert.Null(terms.Task);
        Assert.Equal(0, terms.Logit!.item<double>(), 1e-12);
        Assert.Equal(0, terms.Token!.item<double>(), 1e-5);
    });

    /// <summary>
    /// AdamW (Loshchilov &amp; Hutter, 2019, algorithm 2) over plain numbers: m and v are running means of g and g²,
    /// w ← w·(1 − η·decay) − η·m̂ / (√v̂ + ε), with g shortened to its largest norm and no decay for vectors.
    /// </summary>
    [Fact]
    public void Steps_are_AdamWs_and_spare_vectors_the_decay() => fixture.Run(() =>
    {
        const int Steps = 3;
        var options = Distilling with { BatchSize = Data.Examples.Count, Epochs = Steps, WarmUp = 0, LearningRate = 0.01, WeightDecay = 0.5, MaximumGradientNorm = 0.1, LogSteps = 1 };
        using var teacher = TinyBert.Create(TrainingRig.NoDropout([(4, 24), (4, 24)]), 48, ScalarType.Float64);
        using var student = TinyBert.Create(TrainingRig.NoDropout([(3, 9), (2, 24)]), 49, ScalarType.Float64);
        using var copy = student.Copy();
        var weights = copy.Parameters.SelectMany(p => TinyBert.Values(p.Parameter)).ToArray();
        var decays = copy.Parameters.SelectMany(p => Enumerable.Repeat(p.Parameter.dim() > 1 ? options.WeightDecay : 0, (int)p.Parameter.numel())).ToArray();
        var (m, v) = (new double[weights.Length], new double[weights.Length]);
        var losses = new List<double[]>();
        for (var step = 1; step <= Steps; step++)
        {
            using var batch = Batch.Shuffled(Data, options.BatchSize, Seed, step - 1, CPU).Single();
            var (terms, gradients) = LossesAndGradients(copy, teacher, batch);
            losses.Add(terms);
            var norm = Math.Sqrt(gradients.Sum(g => g * g));
            Assert.True(norm > options.MaximumGradientNorm);
            var rate = options.LearningRate * (Steps - step + 1) / Steps;
            for (var i = 0; i < weights.Length; i++)
            {
                // libtorch adds 1e-6 to the norm.
                var g = gradients[i] * options.MaximumGradientNorm / (norm + 1e-6);
                m[i] = (0.9 * m[i]) + (0.1 * g);
                v[i] = (0.999 * v[i]) + (0.001 * g * g);
                weights[i] = (weights[i] * (1 - (rate * decays[i])))
                    - (rate * m[i] / (1 - Math.Pow(0.9, step)) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.999, step))) + 1e-8));
            }

            Write(copy, weights);
        }

        var curve = new Trainer(options, Seed, new RecordingReporter()).Train(student, TrainingRig.Teach(student, teacher, Distilling), Data, null, CancellationToken.None);
        TinyBert.AssertClose(weights, [.. student.Parameters.SelectMany(p => TinyBert.Values(p.Parameter))], 1e-9);
        foreach (var (metric, terms, index) in curve.Zip(losses, Enumerable.Range(0, Steps)))
        {
            TinyBert.AssertClose(terms, [metric.Loss, metric.TaskLoss!.Value, metric.LogitLoss!.Value, metric.TokenLoss!.Value], 1e-9);
            Assert.Equal((index + 1, Steps, index + 1.0), (metric.Step, metric.TotalSteps, metric.Epoch));
            Assert.Equal(0.01 * (Steps - index) / Steps, metric.LearningRate, 1e-12);
            Assert.True(metric.TokensPerSecond > 0);
            Assert.Equal((null, null, false), (metric.Validation, metric.ValidationMetric, metric.TeacherCached));
        }
    });

    /// <summary>Stopped after its last step and before it was told of: a speed of 0 would be wrong.</summary>
    [Fact]
    public void A_line_of_steps_that_were_done_before_a_stop_has_no_speed() => fixture.Run(() =>
    {
        using var window = new LossWindow(new(1, 0, 0));
        using var losses = ones(2, 4, float64);
        window.Restore(losses, CPU);
        var metric = window.Mean(2, 4, 0.5, 1e-3, 0);
        Assert.Equal((1, null), (metric.Loss, metric.TokensPerSecond));
        window.Clear();
        window.Add(ones(4, float64), [0], 7);
        Assert.True(window.Mean(3, 4, 0.75, 1e-3, 0).TokensPerSecond > 0);
    });

    [Fact]
    public void A_separable_data_set_is_learnt() => fixture.Run(() =>
    {
        var data = TinyBert.Encode(TinyBert.Data(480, seed: 8, purity: 1));
        var texts = TinyBert.Data(120, seed: 9, purity: 1);
        var test = TinyBert.Encode(texts);
        using var student = TinyBert.Create(56);
        Assert.InRange(Accuracy(student, test), 0, 0.7);
        var reporter = new RecordingReporter();
        var options = new TrainingOptions { Epochs = 8, BatchSize = 16, LearningRate = 1e-2, LogSteps = 20 };
        var curve = new Trainer(options, Seed, reporter).Train(student, null, data, new EvaluationSet(texts, test, TinyBert.Labels.Count), CancellationToken.None);
        Assert.InRange(Accuracy(student, test), 0.96, 1);

        Assert.Equal([20, 30, 40, 60, 80, 90, 100, 120, 140, 150, 160, 180, 200, 210, 220, 240], curve.Select(m => m.Step));
        Assert.Equal([30, 60, 90, 120, 150, 180, 210, 240], curve.Where(m => m.Validation is not null).Select(m => m.Step));
        Assert.Equal(Accuracy(student, test), curve[^1].Validation);
        Assert.All(curve, m => Assert.Equal(m.Validation is null ? null : "accuracy", m.ValidationMetric));
        Assert.Equal(curve, reporter.Milestones.Cast<TrainingMetric>());
        Assert.All(curve, m => Assert.Equal(m.Loss, m.TaskLoss!.Value, 1e-6));
        Assert.All(curve, m => Assert.True(m.LogitLoss is null && m.TokenLoss is null));
        Assert.True(curve[^1].Loss < curve[0].Loss / 2);
    });

    [Fact]
    public void The_same_seed_gives_the_same_weights_and_another_one_others() => fixture.Run(() =>
    {
        var (first, second, other) = (Train(3), Train(3), Train(4));
        Assert.Equal(first, second);
        Assert.NotEqual(first, other);

        double[] Train(int seed)
        {
            using var teacher = TinyBert.Create(50);
            using var student = TinyBert.Create(TinyBert.Describe([(2, 9), (3, 0)]), 51);
            new Trainer(Distilling with { Epochs = 2 }, seed, new RecordingReporter()).Train(student, TrainingRig.Teach(student, teacher, Distilling), Data, null, CancellationToken.None);
            return [.. student.Parameters.SelectMany(p => TinyBert.Values(p.Parameter))];
        }
    });

    [Fact]
    public void The_teacher_stays_as_it_is_and_no_gradient_is_kept() => fixture.Run(() =>
    {
        using var teacher = TinyBert.Create(52);
        using var student = TinyBert.Create(53);
        var before = teacher.Parameters.SelectMany(p => TinyBert.Values(p.Parameter)).ToArray();
        new Trainer(Distilling, Seed, new RecordingReporter()).Train(student, TrainingRig.Teach(student, teacher, Distilling), Data, null, CancellationToken.None);
        Assert.Equal(before, teacher.Parameters.SelectMany(p => TinyBert.Values(p.Parameter)));
        // Gradients are as large as the weights: kept, they would double the memory of every trained model.
        Assert.All(student.Parameters.Concat(teacher.Parameters), p => Assert.Null(p.Parameter.grad));
        Assert.All(student.Parameters.Concat(teacher.Parameters), p => Assert.False(p.Parameter.requires_grad));
    });

    [Fact]
    public void A_part_of_an_epoch_is_that_many_steps() => fixture.Run(() =>
    {
        using var student = TinyBert.Create(54);
        var curve = new Trainer(new() { Epochs = 1.5, BatchSize = 2, LogSteps = 1 }, Seed, new RecordingReporter()).Train(student, null, Data, null, CancellationToken.None);
        Assert.Equal([1, 2, 3, 4, 5, 6], curve.Select(m => m.Step));
        Assert.Equal(1.5, curve[^1].Epoch);
    });

    [Fact]
    public void A_loss_that_is_not_finite_ends_the_training() => fixture.Run(() =>
    {
        using var student = TinyBert.Create(55);
        var trainer = new Trainer(new() { LearningRate = 1e30, BatchSize = 2, Epochs = 3, WarmUp = 0 }, Seed, new RecordingReporter());
        var error = Assert.Throws<ZipLMException>(() => trainer.Train(student, null, Data, null, CancellationToken.None));
        Assert.Equal("ZipLM.TrainingDiverged", error.ErrorId);
        Assert.Contains("NaN", error.Message, StringComparison.Ordinal);
        Assert.Contains("LearningRate", error.Remedy, StringComparison.Ordinal);
    });

    [Fact]
    public void Weights_that_the_last_step_spoils_end_the_training_too() => fixture.Run(() =>
    {
        using var student = TinyBert.Create(57);
        var trainer = new Trainer(new() { LearningRate = 1e39, BatchSize = 8, Epochs = 1, WarmUp = 0 }, Seed, new RecordingReporter());
        var error = Assert.Throws<ZipLMException>(() => trainer.Train(student, null, Data, null, CancellationToken.None));
        Assert.Equal("ZipLM.TrainingDiverged", error.ErrorId);
        Assert.Contains("weight", error.Message, StringComparison.Ordinal);
    });

    /// <summary>A text that gives several windows is one row of the data.</summary>
    [Fact]
    public void A_loss_that_is_not_finite_names_the_rows_of_the_data() => fixture.Run(() =>
    {
        var description = TinyFamilies.Describe("gpt2 causal");
        using var student = TinyBert.Create(description, 58);
        TextDataset texts = new("texts", [new("w1 w2"), new(string.Join(' ', Enumerable.Range(0, 30).Select(i => $"w{i}")))], []);
        var windows = EncodedDataset.Encode(texts, TinyBert.Tokenizer, 8, CancellationToken.None, ModelTask.CausalLanguageModeling);
        Assert.True(windows.Examples.Count > 3);
        var trainer = new Trainer(new() { LearningRate = 1e30, BatchSize = 16, Epochs = 3, WarmUp = 0 }, Seed, new RecordingReporter());
        var error = Assert.Throws<ZipLMException>(() => trainer.Train(student, null, windows, null, CancellationToken.None));
        Assert.Contains("with rows 1, 2 of", error.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void A_feed_ends_though_a_failure_waits_to_be_told() => fixture.Run(() =>
    {
        var data = TinyBert.Encode(TinyBert.Data(8, seed: 10));
        // More than fits into the batch, in a step that is made while nobody takes the four before it.
        var bad = BatchSampler.Shuffled(data.Lengths, 1, Seed, 0)[4][0];
        ((List<EncodedExample>)data.Examples)[bad] = data.Examples[bad] with { TypeIds = new int[100] };
        var feed = new BatchFeed(data, ..8, 1, 1, Seed, null, CPU);
        Thread.Sleep(50);
        var end = new Thread(feed.Dispose) { IsBackground = true };
        end.Start();
        Assert.True(end.Join(TimeSpan.FromSeconds(20)), "It waits for ever.");

        using var other = new BatchFeed(data, ..8, 1, 1, Seed, null, CPU);
        for (var step = 0; step < 4; step++)
        {
            other.Take(CancellationToken.None).Single().Dispose();
        }

        Assert.ThrowsAny<ArgumentException>(() => other.Take(CancellationToken.None));
    });

    private static void Write(Transformer model, double[] weights)
    {
        using var gradients = no_grad();
        var start = 0;
        foreach (var (_, parameter) in model.Parameters)
        {
            var count = (int)parameter.numel();
            parameter.copy_(tensor(weights.AsSpan(start, count).ToArray(), parameter.shape));
            start += count;
        }
    }

    private static double Accuracy(Transformer model, EncodedDataset data) =>
        TinyBert.Rows(data).Average(row =>
        {
            using (row)
            {
                return model.Forward(row).Logits!.argmax(1).eq(row.Targets!).item<bool>() ? 1.0 : 0;
            }
        });

    private static (double[] Losses, double[] Gradients) LossesAndGradients(Transformer student, Transformer teacher, Batch batch)
    {
        student.RequireGradients(true);
        var terms = TrainingRig.Losses(Distilling, student, teacher, batch);
        terms.Total.backward();
        double[] gradients = [.. student.Parameters.SelectMany(p => TinyBert.Values(p.Parameter.grad!))];
        student.RequireGradients(false);

        return (TinyBert.Values(terms.Detach()), gradients);
    }
}
