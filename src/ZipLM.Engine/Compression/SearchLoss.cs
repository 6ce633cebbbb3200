using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Compression;

/// <summary>
/// Loss of pruned models on rows that the statistics did not see: the task's where the data says what is right, else against
/// the answers of the dense model, or its last hidden states where it has no head of a task.
/// The rows come in parts that double, so that a plan that loses need not see them all; some more are for the last judgement.
/// </summary>
internal sealed class SearchLoss : IDisposable
{
    private const int MostRows = 32;

    /// <summary>Rows of the first part.</summary>
    private const int FirstPart = 8;

    /// <summary>Whether it is the task's own loss, by what the data says is right.</summary>
    private readonly bool _isTasks;

    /// <summary>What the dense model gives for each batch, where that is what is compared with.</summary>
    private readonly List<Tensor> _answers = [];

    private readonly List<Batch> _batches = [];

    /// <summary>What a row has on average of what the loss is a mean over: answers, or ‖h₀‖² where hidden states are compared.</summary>
    private readonly double _scale;

    /// <param name="model">The dense model: the one that is pruned, or the one that it came from.</param>
    /// <param name="sample">In random order. Labels, where there are any, are the model's.</param>
    /// <param name="final">Rows for the last judgement alone; null = there is none.</param>
    public SearchLoss(Transformer model, EncodedDataset sample, CancellationToken cancellationToken, EncodedDataset? final = null)
    {
        Rows = sample.Examples.Count + (final?.Examples.Count ?? 0);
        Measure = model.Head is not { IsTask: true } ? LossMeasure.HiddenStateError
            : sample.Task == ModelTask.Regression ? LossMeasure.SquaredError
            : sample.HasTargets ? LossMeasure.CrossEntropy
            : LossMeasure.KLDivergence;
        _isTasks = Measure != LossMeasure.HiddenStateError && sample.HasTargets;
        try
        {
            BatchSize = EvaluationSet.BatchSizeFor(sample, model, MostRows);
            var parts = new List<Range>();
            for (var (from, size) = (0, FirstPart); from < sample.Examples.Count; (from, size) = (from + size, from + size))
            {
                parts.Add(Part(sample, from, Math.Min(size, sample.Examples.Count - from)));
            }

            Parts = parts;
            Final = final is null ? null : Part(final, 0, final.Examples.Count);

            Range Part(EncodedDataset of, int from, int size)
            {
                var part = Enumerable.Range(from, size).ToArray();
                var first = _batches.Count;
                _batches.AddRange(BatchSampler.Sequential([.. part.Select(row => of.Lengths[row])], BatchSize)
                    .Select(rows => new Batch(PaddedRows.From(of, [.. rows.Select(row => part[row])]), model.Device)));
                return first.._batches.Count;
            }

            if (!_isTasks)
            {
                ForEach(model, (_, output) => _answers.Add(Answer(output).DetachFromDisposeScope()), cancellationToken);
            }

            _scale = (Measure == LossMeasure.HiddenStateError
                ? _answers.Zip(_batches, (answer, batch) => TokenSquares(answer, batch).Sum()).Sum()
                : Math.Max(_batches.Sum(TaskLoss.Count), 1)) / Rows;

            Dense = _isTasks ? Of(model, cancellationToken) : 0;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public LossMeasure Measure { get; }

    /// <summary>Loss of the dense model.</summary>
    public double Dense { get; }

    /// <summary>Tokens that the dense model answered because the loss compares with it; 0 where the data says what is right.</summary>
    public double AnswerTokens => _isTasks ? 0 : _batches.Sum(b => (double)b.TokenCount);

    /// <summary>Rows that one forward pass may have.</summary>
    public int BatchSize { get; }

    /// <summary>Rows in all.</summary>
    public int Rows { get; }

    /// <summary>The rows, on the model's device.</summary>
    public IReadOnlyList<Batch> Batches => _batches;

    /// <summary>Which batches make up each part that plans are searched by.</summary>
    public IReadOnlyList<Range> Parts { get; } = [];

    /// <summary>Which batches are for the last judgement, as the part behind the others; null = none.</summary>
    public Range? Final { get; }

    /// <summary>Loss of a pruned model: the mean over all rows.</summary>
    public double Of(Transformer model, CancellationToken cancellationToken)
    {
        var total = 0.0;
        ForEach(model, (i, output) => total += OfRows(i, output).Sum(), cancellationToken);
        return total / Rows;
    }

    /// <summary>Loss of each row of a batch.</summary>
    /// <param name="batch">Its index.</param>
    /// <param name="output">What a pruned model gives for it, with <see cref="Options"/>.</param>
    public IReadOnlyList<double> OfRows(int batch, ModelOutput output)
    {
        using var scope = NewDisposeScope();
        var answer = Answer(output);
        var sums = Measure == LossMeasure.HiddenStateError ? TokenSquares(answer - _answers[batch], _batches[batch])
            : Values(TaskLoss.ByRow(_isTasks ? TaskLoss.Each(answer, _batches[batch]) : Divergence(answer, _answers[batch], _batches[batch]), _batches[batch]));
        return [.. sums.Select(sum => sum / _scale)];
    }

    /// <summary>How a forward pass for this loss is run.</summary>
    public ForwardOptions Options => new() { Head = Measure != LossMeasure.HiddenStateError };

    public void Dispose()
    {
        _answers.ForEach(a => a.Dispose());
        _batches.ForEach(b => b.Dispose());
    }

    private void ForEach(Transformer model, Action<int, ModelOutput> act, CancellationToken cancellationToken)
    {
        foreach (var (i, batch) in _batches.Index())
        {
            using var gradients = inference_mode();
            using var scope = NewDisposeScope();
            cancellationToken.ThrowIfCancellationRequested();
            act(i, model.Forward(batch, Options));
        }
    }

    private static Tensor Answer(ModelOutput output) => (output.Logits ?? output.LastHidden).to(float32);

    /// <summary>KL(answer ‖ logits) of each answer, or the squared difference of a regression.</summary>
    private static Tensor Divergence(Tensor logits, Tensor answer, Batch batch)
    {
        var (q, p) = (TaskLoss.Answers(logits, batch), TaskLoss.Answers(answer, batch));
        if (batch.Task == ModelTask.Regression)
        {
            return (q - p).Squared().squeeze(1);
        }

        (q, p) = (nn.functional.log_softmax(q, 1), nn.functional.log_softmax(p, 1));
        return (p.exp() * (p - q)).sum(new long[] { 1 });
    }

    /// <summary>Σ of the squares over the real tokens of each row.</summary>
    /// <param name="hidden">[batch, length, hidden]</param>
    private static double[] TokenSquares(Tensor hidden, Batch batch)
    {
        using var scope = NewDisposeScope();
        return Values((hidden.Squared().sum(new long[] { 2 }) * batch.Mask).sum(new long[] { 1 }));
    }

    private static double[] Values(Tensor rows) => rows.to(float64).cpu().data<double>().ToArray();
}
