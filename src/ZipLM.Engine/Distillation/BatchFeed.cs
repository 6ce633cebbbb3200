using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// Prepares the batches of a run on a thread of its own, a few steps ahead, with what a cache knows of the teacher's answers;
/// where the student learns on the CPU, those are copied when they are needed, since a thread more than torch's delays torch's
/// by more than the copy takes. That thread never lets torch compute: the first operation of its own that runs in parallel
/// would add an OpenMP team to that of the worker thread, and with more threads than cores both stop spinning and sleep
/// between any two operations, which takes longer than they do.
/// </summary>
internal sealed class BatchFeed : IDisposable
{
    private const int StepsAhead = 4;

    private readonly BlockingCollection<(IReadOnlyList<Prepared> Parts, ExceptionDispatchInfo? Failure)> _ready = new(StepsAhead);
    private readonly TeacherCache? _cache;
    private readonly Device _device;
    private readonly CancellationTokenSource _ended = new();
    private readonly Thread _thread;

    /// <param name="steps">The steps to make, from the first.</param>
    /// <param name="batchSize">Rows of a step.</param>
    /// <param name="partSize">Most rows of a part.</param>
    /// <param name="cache">The teacher's answers; null when they are computed in the step, or not needed.</param>
    public BatchFeed(EncodedDataset data, Range steps, int batchSize, int partSize, int seed, TeacherCache? cache, Device device)
    {
        (_cache, _device) = (cache, device);
        _thread = new(() => Produce(data, steps, batchSize, partSize, seed)) { Name = "ZipLM batches", IsBackground = true };
        _thread.Start();
    }

    private bool ReadsAhead => _device.type != TorchSharp.DeviceType.CPU;

    /// <summary>Steps in one pass over the data.</summary>
    public static int StepsPerEpoch(EncodedDataset data, int batchSize) => (data.Examples.Count + batchSize - 1) / batchSize;

    /// <summary>The next step's parts, which are the caller's to dispose.</summary>
    public IReadOnlyList<TrainingPart> Take(CancellationToken cancellationToken)
    {
        var (parts, failure) = _ready.Take(cancellationToken);
        failure?.Throw();
        var shares = PartShare.Of([.. parts.Select(p => p.Rows)]);
        var taken = new List<TrainingPart>();
        try
        {
            foreach (var part in parts)
            {
                taken.Add(new(new(part.Rows, _device), null, shares[taken.Count], part.Seed));
                taken[^1] = taken[^1] with { Teacher = _cache?.Answer(ReadsAhead ? part.Kept : _cache.Read(part.Rows), _device) };
            }

            return taken;
        }
        catch
        {
            taken.ForEach(p => p.Dispose());
            Free(parts);
            throw;
        }
    }

    public void Dispose()
    {
        _ended.Cancel();
        _thread.Join();
        Free(_ready.SelectMany(r => r.Parts));
        _ready.Dispose();
        _ended.Dispose();
    }

    private void Produce(EncodedDataset data, Range steps, int batchSize, int partSize, int seed)
    {
        IReadOnlyList<Prepared> parts = [];
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

                parts = Parts(data, epoch[step % perEpoch], step / perEpoch, partSize, unchecked((seed * 1_000_003L) + step));
                _ready.Add((parts, null), _ended.Token);
                parts = [];
            }
        }
        catch (Exception e)
        {
            Free(parts);
            try
            {
                _ready.Add(([], ExceptionDispatchInfo.Capture(e)), _ended.Token);
            }
            catch (OperationCanceledException)
            {
                // Nobody waits for it.
            }
        }
    }

    private static void Free(IEnumerable<Prepared> parts)
    {
        foreach (var tensor in parts.SelectMany(p => p.Kept))
        {
            tensor.Dispose();
        }
    }

    // Parts of one step are far apart in the numbers of steps.
    private List<Prepared> Parts(EncodedDataset data, int[] rows, int epoch, int partSize, long seed) =>
    [
        .. rows.Chunk(partSize).Select((part, i) =>
        {
            var padded = PaddedRows.From(data, part, epoch);
            return new Prepared(padded, ReadsAhead ? _cache?.Read(padded) ?? [] : [], unchecked(seed + (i * 7_919_000_003L)));
        }),
    ];

    /// <summary>A part in the memory of the host.</summary>
    /// <param name="Kept">What the cache has of the teacher's answer.</param>
    private sealed record Prepared(PaddedRows Rows, IReadOnlyList<Tensor> Kept, long Seed);
}
