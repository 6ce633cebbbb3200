using System.Runtime.CompilerServices;
using TorchSharp;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Tests.Runtime;

/// <summary>A loop over many models does not grow memory: every tensor is freed by the code that made it, not some day by the collector.</summary>
[Collection(AloneCollection.Name)]
public sealed class MemoryTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static readonly TextDataset Data = TinyBert.Data(24, seed: 14);

    [Fact]
    public void Pruning_training_and_measuring_leave_no_tensor_behind()
    {
        using var folder = new ModelFolder();
        using var dense = TinyBert.Model(fixture.Session, 130);
        folder.Write(dense);
        AssertNothingLeft(() =>
        {
            using var model = folder.Open(fixture.Session);
            using var pruned = Prune(model, new() { Speedups = [1.05], SequenceLength = 8, Rounds = 2, CalibrationSamples = 10 }, new RecordingReporter(), CancellationToken.None);
            using var distilled = TrainingFlow.Run(pruned, null, Data, Data, new() { Epochs = 1, BatchSize = 8, Weights = new(1, 1, 1) }, new RecordingReporter(), CancellationToken.None);
            MeasurementFlow.Run(distilled, null, Data, 1, 8, 2, new RecordingReporter(), CancellationToken.None);
            Assert.Equal([dense, model, pruned, distilled], fixture.Session.Models);
        });
    }

    [Fact]
    public void Each_step_alone_leaves_no_tensor_behind()
    {
        using var folder = new ModelFolder();
        using var model = TinyBert.Model(fixture.Session, 131);
        folder.Write(model);
        var reporter = new RecordingReporter();
        AssertNothingLeft(() => folder.Open(fixture.Session).Dispose());
        AssertNothingLeft(() => fixture.Session.Run(
            () =>
            {
                using var opened = folder.Open(fixture.Session);
                return opened.Weights(null, CancellationToken.None).Bytes;
            },
            cancellationToken: CancellationToken.None));
        AssertNothingLeft(() => fixture.Session.Run(
            () =>
            {
                model.Weights(null, CancellationToken.None).Copy().Dispose();
                return true;
            },
            cancellationToken: CancellationToken.None));
        AssertNothingLeft(() => folder.Write(model));
        AssertNothingLeft(() => LatencyFlow.Run(model, null, 1, 8, 2, reporter, CancellationToken.None));
        AssertNothingLeft(() => SaliencyFlow.Run(model, Data, new() { CalibrationSamples = 10, Criterion = PruningCriterion.Fisher }, _ => { }, reporter, CancellationToken.None));
        AssertNothingLeft(() => MeasurementFlow.Run(model, model, Data, 1, 8, 2, reporter, CancellationToken.None));
        AssertNothingLeft(() => TrainingFlow.Run(model, null, Data, null, new() { Epochs = 1 }, reporter, CancellationToken.None).Dispose());
    }

    [Fact]
    public void Work_that_is_cancelled_leaves_no_tensor_behind()
    {
        using var model = TinyBert.Model(fixture.Session, 132);
        foreach (var at in new[] { 1, 3, 8, 30, 60 })
        {
            AssertNothingLeft(() => Cancelled(at, (r, t) => Prune(model, new() { Speedups = [1.05], SequenceLength = 8, Rounds = 2 }, r, t)));
            AssertNothingLeft(() => Cancelled(at, (r, t) => TrainingFlow.Run(model, null, Data, Data, new() { Epochs = 100, BatchSize = 8 }, r, t)));
        }

        void Cancelled(int at, Func<IReporter, CancellationToken, Model> work)
        {
            using var source = new CancellationTokenSource();
            var updates = 0;
            var reporter = new RecordingReporter
            {
                OnProgress = _ =>
                {
                    if (++updates == at)
                    {
                        source.Cancel();
                    }
                },
            };
            try
            {
                work(reporter, source.Token).Dispose();
            }
            catch (OperationCanceledException)
            {
            }
        }
    }

    /// <summary>The first plan falls short of a target that only the made-up table promises; it ends while the second is measured.</summary>
    [Fact]
    public void Plans_that_were_tried_when_it_is_cancelled_are_freed()
    {
        using var model = TinyBert.Model(fixture.Session, 134);
        var options = new PruningOptions { Speedups = [2.5], Rounds = 3, Table = MadeUpTable.Of(model) };
        AssertNothingLeft(() =>
        {
            using var source = new CancellationTokenSource();
            var reporter = new RecordingReporter
            {
                OnVerbose = message =>
                {
                    if (message.StartsWith("Plan 1", StringComparison.Ordinal))
                    {
                        source.Cancel();
                    }
                },
            };
            Assert.Throws<OperationCanceledException>(() => Prune(model, options, reporter, source.Token));
        });
    }

    /// <summary>What one block has computed on its way is freed before the next: the same number of tensors lives in each.</summary>
    [Fact]
    public void A_deep_model_keeps_no_more_tensors_than_a_flat_one()
    {
        fixture.Run(() =>
        {
            using var model = TinyBert.Create(TinyBert.Describe([.. Enumerable.Repeat((4, 24), 12)]), 135);
            using var batch = TinyBert.Batch(TinyBert.Encode(Data));
            using var gradients = torch.no_grad();
            var live = new List<long>();
            model.Forward(batch, new() { Observe = (_, sublayer, _) => live.Add(sublayer == Sublayer.FeedForward ? torch.Tensor.TotalCount : -1) });
            Assert.Equal(12, live.Count(n => n > 0));
            Assert.Single(live.Where(n => n > 0).Distinct());
        });
    }

    /// <summary>The surgeon's matrices shrink step by step; the used ones must go as it goes, or one layer of BERT-base takes tens of GB.</summary>
    [Fact]
    public void The_surgeon_keeps_only_the_matrices_of_its_present_step()
    {
        fixture.Run(() =>
        {
            var random = new Random(1);
            var (w, x) = (torch.tensor(PlainMatrix.Random(4, 600, random)), torch.tensor(PlainMatrix.Random(600, 700, random)));
            var h = x.matmul(x.t());
            var before = torch.Tensor.TotalCount;
            var most = 0L;
            using (new Timer(_ => most = Math.Max(most, torch.Tensor.TotalCount - before), null, 0, 1))
            {
                Surgeon.Remove(w, h, 2, 1e-2, "matrix", new RecordingReporter(), CancellationToken.None);
            }

            Assert.InRange(most, 1, 60);
            Assert.Equal(before, torch.Tensor.TotalCount);

            using var removal = new ColumnRemoval(w, torch.linalg.inv(h));
            var held = torch.Tensor.TotalCount;
            while (removal.Order.Count < 600)
            {
                Assert.True(removal.RemoveBlock(CancellationToken.None));
                Assert.Equal(held, torch.Tensor.TotalCount);
            }
        });
    }

    [Fact]
    public void A_model_that_was_forgotten_is_collected_with_its_tensors()
    {
        var (model, parameter) = Forget();
        for (var i = 0; i < 1000 && (model.IsAlive || parameter.IsAlive); i++)
        {
            Thread.Sleep(5);
            Settle();
        }

        Assert.False(model.IsAlive);
        Assert.False(parameter.IsAlive);
        Assert.Empty(fixture.Session.Models);
    }

    private static Model Prune(Model model, PruningOptions options, IReporter reporter, CancellationToken cancellationToken)
    {
        var models = new List<Model>();
        OneShotPruning.Run(model, Data, options, models.Add, reporter, cancellationToken);
        return Assert.Single(models);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private (WeakReference Model, WeakReference Parameter) Forget()
    {
        var model = TinyBert.Model(fixture.Session, 133);
        return (new(model), new(model.Weights(null, CancellationToken.None).Parameters.First().Parameter));
    }

    /// <summary>
    /// What the collector finds was left for it. TorchSharp's count cannot be compared before and after instead: it rises
    /// for good with each Parameter, whose constructor empties a tensor without counting it down.
    /// </summary>
    private void AssertNothingLeft(Action work)
    {
        work();
        Settle();
        work();
        // Disposed models are freed on the worker thread, after what was asked of it before.
        fixture.Run(() => { });
        var count = torch.Tensor.TotalCount;
        Settle();
        Assert.Equal(0, count - torch.Tensor.TotalCount);
    }

    private static void Settle()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
