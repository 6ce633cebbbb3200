using TorchSharp;
using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Pruning;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Pruning;

/// <summary>Counts the tensors of the process, and so runs alone.</summary>
[Collection(AloneCollection.Name)]
public sealed class StatisticsMemoryTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private const int Blocks = 6;

    private static readonly EncodedDataset Data = TinyBert.Encode(TinyBert.Data(40, seed: 6));

    /// <summary>Sums are the only tensors that live from batch to batch, those of one block where memory allows no more, and none afterwards.</summary>
    [Fact]
    public void Block_by_block_never_holds_the_sums_of_two_blocks()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        fixture.Run(() =>
        {
            using var model = TinyBert.Create(TinyBert.Describe([.. Enumerable.Repeat((4, 24), Blocks)]), 43);
            using var folder = new ModelFolder();
            var most = 0L;
            var before = Tensor.TotalCount;
            using (CalibrationStatistics.Collect(model, Watched(), CancellationToken.None))
            {
                Assert.Equal(Blocks * 2, most);
                Assert.Equal(Blocks * 2, Tensor.TotalCount - before);
            }

            most = 0;
            var directory = new StatisticsDirectory(folder.Path, new("tiny", "m", "toy", 40, "d"));
            using (CalibrationStatistics.Collect(model, Watched(), directory, 1, CancellationToken.None))
            {
                Assert.Equal(2, most);
                Assert.Equal(before, Tensor.TotalCount);
            }

            IEnumerable<Batch> Watched()
            {
                foreach (var rows in BatchSampler.Sequential(Data.Lengths, 9))
                {
                    most = Math.Max(most, Tensor.TotalCount - before);
                    yield return new(PaddedRows.From(Data, rows), CPU);
                }
            }
        });
    }
}
