using static TorchSharp.torch;

namespace ZipLM.Engine.Data;

/// <summary>One batch on a device. Owns its tensors, also across dispose scopes.</summary>
internal sealed class Batch : IDisposable
{
    /// <summary>Copies rows to a device.</summary>
    public Batch(PaddedRows rows, Device device)
    {
        Rows = rows.Rows;
        TokenCount = rows.TokenCount;
        IsPadded = TokenCount < rows.Ids.Length;
        long[] shape = [rows.Count, rows.Length];
        InputIds = tensor(rows.Ids, shape, ScalarType.Int64, device).DetachFromDisposeScope();
        TypeIds = tensor(rows.TypeIds, shape, ScalarType.Int64, device).DetachFromDisposeScope();
        Mask = tensor(rows.Mask, shape, ScalarType.Bool, device).DetachFromDisposeScope();
        Task = rows.Task;
        TargetCount = rows.TargetCount;
        Targets = TaskTargets.Of(rows.Task, rows.Examples, rows.Length, rows.Told, device)?.DetachFromDisposeScope();
    }

    /// <summary>Which row of the data set each row of the batch is.</summary>
    public IReadOnlyList<int> Rows { get; }

    /// <summary>int64 [batch, sequence].</summary>
    public Tensor InputIds { get; }

    /// <summary>int64 [batch, sequence]; 0 for the text, 1 for the pair.</summary>
    public Tensor TypeIds { get; }

    /// <summary>bool [batch, sequence]; true where there is a token, false where there is padding.</summary>
    public Tensor Mask { get; }

    /// <summary>What the model is to answer.</summary>
    public ModelTask Task { get; }

    /// <summary>
    /// What is right, or null when a row does not say it. Classification: int64 [batch], indices of labels. Regression:
    /// float32 [batch]. Question answering: int64 [batch, 2], first and last token of the answer. Language modeling: int64
    /// [batch, sequence], the token to tell at each one (causal: the next one), <see cref="TaskTargets.None"/> where there is none.
    /// </summary>
    public Tensor? Targets { get; }

    /// <summary>What there is to answer: rows, or of a language model the tokens to tell.</summary>
    public long TargetCount { get; }

    /// <summary>Tokens that are not padding.</summary>
    public int TokenCount { get; }

    /// <summary>False when every position is a token, so that a model can leave the mask out.</summary>
    public bool IsPadded { get; }

    /// <summary>Batches for one epoch of training; each is the caller's to dispose.</summary>
    public static IEnumerable<Batch> Shuffled(EncodedDataset dataset, int batchSize, int seed, int epoch, Device device) =>
        BatchSampler.Shuffled(dataset.Lengths, batchSize, seed, epoch).Select(rows => new Batch(PaddedRows.From(dataset, rows, epoch), device));

    /// <summary>Batches for evaluation, by length; <see cref="Rows"/> says which rows. Each is the caller's to dispose.</summary>
    public static IEnumerable<Batch> Sequential(EncodedDataset dataset, int batchSize, Device device) =>
        BatchSampler.Sequential(dataset.Lengths, batchSize).Select(rows => new Batch(PaddedRows.From(dataset, rows), device));

    /// <summary>A batch of random tokens without labels, for measuring time.</summary>
    /// <param name="padded">Whether the last of several rows has a token of padding.</param>
    public static Batch Random(int batchSize, int sequenceLength, int vocabularySize, int seed, Device device, bool padded = false) =>
        new(PaddedRows.Random(batchSize, sequenceLength, vocabularySize, seed, padded), device);

    /// <inheritdoc />
    public void Dispose()
    {
        InputIds.Dispose();
        TypeIds.Dispose();
        Mask.Dispose();
        Targets?.Dispose();
    }
}
