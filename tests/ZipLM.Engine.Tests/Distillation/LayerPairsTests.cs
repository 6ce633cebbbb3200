using TorchSharp;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Distillation;

public sealed class LayerPairsTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly TextDataset Texts = TinyBert.Data(24, seed: 61);

    [Fact]
    public void Evenly_spaced_blocks_have_the_same_share_of_the_depth_and_dropped_ones_are_left_out()
    {
        Assert.Equal([(0, 0), (1, 1), (2, 2)], LayerPairs.Even(Blocks(3), 3));
        Assert.Equal([(0, 1), (1, 3), (2, 5)], LayerPairs.Even(Blocks(3), 6));
        Assert.Equal([(0, 0), (1, 0), (2, 1), (3, 1)], LayerPairs.Even(Blocks(4), 2));
        Assert.Equal([(0, 0), (2, 2)], LayerPairs.Even([new(0, 1, 0), new(1, 0, 0), new(2, 0, 5)], 3));

        static IReadOnlyList<LayerShape> Blocks(int count) => [.. Enumerable.Range(0, count).Select(i => new LayerShape(i, 4, 24))];
    }

    [Fact]
    public void The_most_similar_block_is_chosen() =>
        Assert.Equal([(0, 2), (2, 0)], LayerPairs.MostSimilar(
            [new(0, 1, 1), new(1, 0, 0), new(2, 1, 1)], new[,] { { 0.1, 0.2, 0.9 }, { 1, 1, 1 }, { 0.7, 0.6, 0.5 } }));

    /// <summary>CKA from its definition by Gram matrices of the tokens, which the code never forms: ⟨K, L⟩ / (‖K‖·‖L‖) with K = HXXᵀH.</summary>
    [Fact]
    public void Similarity_is_linear_cka_over_the_tokens_that_are_not_padding() => fixture.Run(() =>
    {
        using var student = TinyBert.Create(TinyBert.Describe([(2, 9), (3, 0)]), 90);
        using var teacher = TinyBert.Create(TinyBert.Describe([(4, 24), (4, 24), (4, 24)]), 91);
        var data = TinyBert.Encode(Texts);
        var result = LayerSimilarity.Of(student, teacher, Batch.Sequential(data, 7, CPU), CancellationToken.None);
        for (var k = 0; k < 2; k++)
        {
            for (var j = 0; j < 3; j++)
            {
                var (a, b) = (Gram(student, k), Gram(teacher, j));
                Assert.Equal((a * b).sum().item<double>() / (a.norm() * b.norm()).item<double>(), result[k, j], 1e-6);
            }
        }

        var self = LayerSimilarity.Of(teacher, teacher, Batch.Sequential(data, 7, CPU), CancellationToken.None);
        Assert.Equal(1, self[1, 1], 1e-9);

        Tensor Gram(Transformer model, int block)
        {
            var x = cat([.. TinyBert.Rows(data).Select(row => model.Forward(row, new() { KeepHidden = true }).Hidden[block][0].to(float64))], 0);
            var centred = x - x.mean(new long[] { 0 }, keepdim: true);
            return centred.matmul(centred.t());
        }
    });

    /// <summary>What follows the batches takes minutes for large models.</summary>
    [Fact]
    public void Similarity_can_be_stopped_after_the_models_have_run() => fixture.Run(() =>
    {
        using var model = TinyBert.Create(91);
        using var source = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => LayerSimilarity.Of(model, model, Stopped(), source.Token));

        IEnumerable<Batch> Stopped()
        {
            foreach (var batch in Batch.Sequential(TinyBert.Encode(Texts), 7, CPU))
            {
                yield return batch;
            }

            source.Cancel();
        }
    });

    [Fact]
    public void A_teacher_of_another_width_and_depth_is_learnt_from_by_projections_that_are_thrown_away()
    {
        using var student = TinyBert.Model(fixture.Session, 92, TrainingRig.NoDropout([(4, 24), (2, 9)]));
        using var teacher = TinyBert.Model(fixture.Session, 93, TinyBert.Describe([(4, 24), (4, 24), (4, 24)], c =>
        {
            c["hidden_size"] = 24;
            c["num_hidden_layers"] = 3;
        }));
        foreach (var matching in Enum.GetValues<LayerMatching>())
        {
            var reporter = new RecordingReporter();
            var options = new TrainingOptions
            {
                Epochs = 40, BatchSize = 24, LearningRate = 1e-2, LogSteps = 1, Weights = new(0, 0, 1), LayerMatching = matching,
                TokenDistance = TokenDistance.NormalizedSquared,
            };
            using var trained = TrainingFlow.Run(student, teacher, Texts, null, options, reporter, TestContext.Current.CancellationToken);
            var curve = reporter.Milestones.OfType<TrainingMetric>().ToList();
            // A projection of the right direction alone, without the student's help, could not get this near.
            Assert.True(curve[^1].Loss < 0.6 * curve[0].Loss, $"{matching}: {curve[0].Loss} → {curve[^1].Loss}");
            Assert.Equal(student.Parameters, trained.Parameters);
            Assert.Contains(reporter.VerboseMessages, m => m.Contains("from width 16 to 24", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_student_without_a_block_has_nothing_to_compare()
    {
        using var student = TinyBert.Model(fixture.Session, 94, TinyBert.Describe([(0, 0), (0, 0)]));
        using var teacher = TinyBert.Model(fixture.Session, 95);
        var error = Assert.Throws<ZipLMException>(() => Train(new(0, 0, 1), new()));
        Assert.Equal("ZipLM.StudentLayersMissing", error.ErrorId);

        // It still learns what it can, and says so.
        var (without, with) = (new RecordingReporter(), new RecordingReporter());
        Train(new(1, 1, 0), without);
        Train(new(1, 1, 1), with);
        Assert.Empty(without.Warnings);
        Assert.Contains("nothing to compare", Assert.Single(with.Warnings), StringComparison.Ordinal);
        Assert.Equal(without.Milestones.OfType<TrainingMetric>().Select(m => m.Loss), with.Milestones.OfType<TrainingMetric>().Select(m => m.Loss));

        void Train(LossWeights weights, RecordingReporter reporter) =>
            TrainingFlow.Run(student, teacher, Texts, null, new() { Weights = weights, Epochs = 1, LogSteps = 1 }, reporter, TestContext.Current.CancellationToken).Dispose();
    }

    [Fact]
    public void The_normalised_distance_is_the_squared_one_over_the_teachers_length() => fixture.Run(() =>
    {
        using var batch = TinyBert.Batch(TinyBert.Encode(Texts));
        var (s, t) = (randn(batch.InputIds.shape[0], batch.InputIds.shape[1], 5, float64), randn(batch.InputIds.shape[0], batch.InputIds.shape[1], 5, float64));
        var (sv, tv, mask) = (TinyBert.Values(s), TinyBert.Values(t), TinyBert.Values(batch.Mask));
        var expected = Enumerable.Range(0, mask.Length).Where(i => mask[i] > 0).Average(i =>
            Enumerable.Range(5 * i, 5).Sum(j => Math.Pow(sv[j] - tv[j], 2)) / Enumerable.Range(5 * i, 5).Sum(j => tv[j] * tv[j]));
        Assert.Equal(expected, DistillationLoss.Token([s], [t], batch, TokenDistance.NormalizedSquared).item<double>(), 1e-9);
    });
}
