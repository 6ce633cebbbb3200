using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Tests.Data;

public sealed class BatchTests
{
    private static readonly BertTokenizer Tokenizer = new(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]);

    private static EncodedDataset Data(params TextExample[] examples) => EncodedDataset.Encode(
        new TextDataset("test", examples, ["0", "1"]), Tokenizer, 64, TestContext.Current.CancellationToken);

    private static EncodedDataset Lengths(params int[] words) =>
        Data([.. words.Select(count => new TextExample(string.Join(' ', Enumerable.Repeat("a", count)), null, count % 2))]);

    [Theory]
    [InlineData(1000, 16)]
    [InlineData(1700, 7)]
    [InlineData(3, 8)]
    public void AnEpochHoldsEveryRowOnceAndLittlePadding(int count, int batchSize)
    {
        var random = new Random(3);
        var lengths = Enumerable.Range(0, count).Select(_ => random.Next(3, 60)).ToArray();
        var batches = BatchSampler.Shuffled(lengths, batchSize, seed: 5, epoch: 1);
        Assert.Equal(Enumerable.Range(0, count), batches.SelectMany(rows => rows).Order());
        Assert.Equal((count + batchSize - 1) / batchSize, batches.Count);
        if (count > 100)
        {
            double Padded(IEnumerable<int[]> of) => of.Sum(rows => rows.Length * rows.Max(row => lengths[row])) / (double)lengths.Sum() - 1;
            Assert.True(Padded(batches) < 0.1, $"{Padded(batches):P0} padding");
            Assert.True(Padded(Enumerable.Range(0, count).Chunk(batchSize)) > 0.4);
            var means = batches.Select(rows => rows.Average(row => lengths[row])).ToArray();
            Assert.NotEqual(means.Order(), means);
        }

        Assert.Equal(batches, BatchSampler.Shuffled(lengths, batchSize, seed: 5, epoch: 1));
        if (count > 100)
        {
            Assert.NotEqual(batches, BatchSampler.Shuffled(lengths, batchSize, seed: 5, epoch: 2));
            Assert.NotEqual(batches, BatchSampler.Shuffled(lengths, batchSize, seed: 6, epoch: 1));
        }
    }

    [Fact]
    public void EvaluationGoesByLengthAndKnowsItsRows()
    {
        var batches = BatchSampler.Sequential([3, 9, 4, 9, 5], 2);
        Assert.Equal([[1, 3], [4, 2], [0]], batches);
    }

    [Fact]
    public void RowsArePaddedToTheLongest()
    {
        var rows = PaddedRows.From(Data(new("a", "b", 1), new("a b a b a", null, 0), new("b", null, 1)), [0, 2]);
        Assert.Equal((2, 5), (rows.Count, rows.Length));
        Assert.Equal([2, 5, 3, 6, 3, 2, 6, 3, 0, 0], rows.Ids);
        Assert.Equal([0, 0, 0, 1, 1, 0, 0, 0, 0, 0], rows.TypeIds);
        Assert.Equal([true, true, true, true, true, true, true, true, false, false], rows.Mask);
        Assert.Equal(8, rows.TokenCount);
        Assert.False(Data(new("a", null, 1), new("b")).HasTargets);
    }

    [Fact]
    public void PercentilesAreNearestRank()
    {
        var data = Lengths([.. Enumerable.Range(1, 20)]);
        Assert.Equal(19 + 2, data.LengthPercentile(0.95));
        Assert.Equal(22, data.LengthPercentile(1));
        Assert.Equal(3, data.LengthPercentile(0.001));
        Assert.Equal(22, Lengths(20).LengthPercentile(0.5));
    }

    [Fact]
    public void TensorsHoldTheRows()
    {
        NativeLibraries.EnsureLoaded();
        var data = Lengths(1, 3);
        using var batch = Batch.Sequential(data, 2, TorchSharp.torch.CPU).Single();
        Assert.Equal([1, 0], batch.Rows);
        Assert.Equal([2, 5], batch.InputIds.shape);
        Assert.Equal([2, 5, 5, 5, 3, 2, 5, 3, 0, 0], batch.InputIds.data<long>().ToArray());
        Assert.Equal([true, true, true, true, true, true, true, true, false, false], batch.Mask.data<bool>().ToArray());
        Assert.Equal([1, 1], batch.Targets!.data<long>().ToArray());
        Assert.True(batch.IsPadded);
        Assert.Equal(8, batch.TokenCount);
    }

    [Theory]
    [InlineData(2, 3, 1)]
    [InlineData(1, 4, 0)]
    [InlineData(3, 1, 0)]
    public void TheLastOfSeveralRandomRowsIsATokenShorterWhereItCanBe(int rows, int length, int padding)
    {
        NativeLibraries.EnsureLoaded();
        using var batch = Batch.Random(rows, length, 7, 1, TorchSharp.torch.CPU, padded: true);
        Assert.Equal(padding > 0, batch.IsPadded);
        Assert.Equal((rows * length) - padding, batch.TokenCount);
        Assert.Equal([.. Enumerable.Repeat(true, (rows * length) - padding), .. Enumerable.Repeat(false, padding)], batch.Mask.data<bool>().ToArray());
    }

    [Fact]
    public void ABatchOutlivesADisposeScopeAndEndsWithDispose()
    {
        NativeLibraries.EnsureLoaded();
        Batch batch;
        using (TorchSharp.torch.NewDisposeScope()) batch = Batch.Random(2, 3, 7, 1, TorchSharp.torch.CPU);
        Assert.False(batch.InputIds.IsInvalid);
        Assert.All(batch.InputIds.data<long>().ToArray(), id => Assert.InRange(id, 0, 6));
        Assert.False(batch.IsPadded);
        Assert.Equal(6, batch.TokenCount);
        Assert.Null(batch.Targets);
        batch.Dispose();
        Assert.True(batch.InputIds.IsInvalid);
        Assert.True(batch.Mask.IsInvalid);
        Assert.True(batch.TypeIds.IsInvalid);
    }
}
