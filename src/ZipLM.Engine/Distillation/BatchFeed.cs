using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>Makes the batches of a run on a thread of its own, a few steps ahead, with what a cache knows of the teacher's answers.</summary>
internal sealed class BatchFeed : IDisposable
{
    private const int StepsAhead = 4;

    private readonly BlockingCollection<(IReadOnlyList<TrainingPart> Parts, ExceptionDispatchInfo? Failure)> _ready = new(StepsAhead);
    private readonly CancellationTokenSource _ended = new();
    private readonly Thread _thread;

    /// <param name="steps">The steps to make, from the first.</param>
    /// <param name="batchSize">Rows of a step.</param>
    /// <param name="partSize">Most rows of a part.</param>
    /// <param name="cache">The teacher's answers; null when they are computed in the step, or not needed.</param>
    public BatchFeed(EncodedDataset data, Range steps, int batchSize, int partSize, int seed, TeacherCache? cache, Device device)
    {
        _thread = new(() => Produce(data, steps, batchSize, partSize, seed, cache, device)) { Name = "ZipLM batches", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Steps in one pass over the data.</summary>
    public static int StepsPerEpoch(EncodedDataset data, int batchSize) => (data.Examples.Count + batchSize - 1) / batchSize;

    /// <summary>The next step's parts, which are the caller's to dispose.</summary>
    public IReadOnlyList<TrainingPart> Take(CancellationToken cancellationToken)
    {
        var (parts, failure) = _ready.Take(cancellationToken);
        failure?.Throw();
        return parts;
    }

    public void Dispose()
    {
        _ended.Cancel();
        _thread.Join();
        foreach (var part in _ready.SelectMany(r => r.Parts))
        {
            part.Dispose();
        }

        _ready.Dispose();
        _ended.Dispose();
    }

    private void Produce(EncodedDataset data, Range steps, int batchSize, int partSize, int seed, TeacherCache? cache, Device device)
    {
        IReadOnlyList<TrainingPart> parts = [];
        try
        {
            var perEpoch = StepsPerEpoch(data, batchSize);
            IReadOnlyList<int[]> epoch = [];
            for (var step = steps.Start.Value; step < steps.End.Value; step++)
            {
                if (epoch.Count == 0 || step % perEpoch == 0)
                {
                    epoch = BatchSampler.Shuffled(data.Lengths, batchSize, seed, step / perEpoch);
                }

                parts = Parts(data, epoch[step % perEpoch], step / perEpoch, partSize, cache, device, unchecked((seed * 1_000_003L) + step));
                _ready.Add((parts, null), _ended.Token);
                parts = [];
            }
        }
        catch (Exception e)
        {
            foreach (var part in parts)
            {
                part.Dispose();
            }

            if (!_ended.IsCancellationRequested)
            {
                _ready.Add(([], ExceptionDispatchInfo.Capture(e)), CancellationToken.None);
            }
        }
    }

    private static List<TrainingPart> Parts(EncodedDataset data, int[] rows, int epoch, int partSize, TeacherCache? cache, Device device, long seed)
    {
        var padded = rows.Chunk(partSize).Select(part => PaddedRows.From(data, part, epoch)).ToList();
        var batches = padded.ConvertAll(p => new Batch(p, device));
        // Parts of one step are far apart in the numbers of steps.
        var shares = PartShare.Of(batches);
        return [.. batches.Select((b, i) => new TrainingPart(b, cache?.Read(padded[i], device), shares[i], unchecked(seed + (i * 7_919_000_003L))))];
    }
}
