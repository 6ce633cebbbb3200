using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Latency;

/// <summary>Times whole models and sublayers on a session's device, in one environment's batch shape.</summary>
internal sealed class ForwardTimer : IDisposable
{
    private readonly InterleavedTimer _timer;
    private readonly Batch _batch;

    public ForwardTimer(TorchSession session, ModelDescription model, int batchSize, int sequenceLength)
    {
        if (sequenceLength > model.MaximumSequenceLength)
        {
            throw new ZipLMException("SequenceTooLong", ErrorKind.InvalidArgument,
                $"A sequence length of {sequenceLength} exceeds the model's limit of {model.MaximumSequenceLength} positions.",
                $"Use -SequenceLength {model.MaximumSequenceLength} or less.", sequenceLength);
        }

        _timer = new(session.Synchronize);
        _batch = Batch.Random(batchSize, sequenceLength, model.VocabularySize, session.Seed, session.TorchDevice);
        Environment = new(session.Device, session.DeviceName, InferenceRuntime.Torch, session.Precision,
            batchSize, sequenceLength, session.Threads, NativeLibraries.TorchVersion);
    }

    public InferenceEnvironment Environment { get; }

    /// <summary>A case that runs a whole model.</summary>
    public Action Whole(Transformer model) => () =>
    {
        using var gradients = inference_mode();
        using var scope = NewDisposeScope();
        model.Forward(_batch);
    };

    /// <summary>A case that runs one sublayer on <paramref name="hidden"/>, [batch, length, hidden].</summary>
    public static Action Sublayer(Block block, Sublayer sublayer, Tensor hidden) => () =>
    {
        using var gradients = inference_mode();
        using var scope = NewDisposeScope();
        _ = sublayer == ZipLM.Sublayer.Attention
            ? block.AttentionSublayer(hidden, null, ForwardOptions.Inference)
            : block.FeedForwardSublayer(hidden, ForwardOptions.Inference);
    };

    /// <summary>Times the cases in turns, while no other process measures on the device, and tells how far it is; [case][round], in ms.</summary>
    public double[][] Measure(
        IReadOnlyList<Action> cases, int rounds, string activity, IReporter reporter, CancellationToken cancellationToken)
    {
        using var turn = DeviceLock.Take(Environment.Device, reporter, cancellationToken);
        var times = _timer.Measure(cases, Math.Max(rounds / 5, 3), rounds, cancellationToken, round => reporter.Progress(
            round < 0 ? new(activity, "warming up", 0, rounds) : new(activity, $"round {round + 1} of {rounds}", round + 1, rounds)));
        reporter.Progress(new(activity, "done", rounds, rounds, Completed: true));
        return times;
    }

    /// <summary>Times whole models in turns; [model][round], in ms.</summary>
    public double[][] Measure(IReadOnlyList<Transformer> models, int rounds, IReporter reporter, CancellationToken cancellationToken) =>
        Measure([.. models.Select(Whole)], rounds, "Measuring speed", reporter, cancellationToken);

    /// <summary>Runs two models in turns and gives the median of the paired ratios.</summary>
    public Speedup Compare(Transformer baseline, Transformer model, int rounds, IReporter reporter, CancellationToken cancellationToken)
    {
        var times = Measure([baseline, model], rounds, reporter, cancellationToken);
        var ratio = MedianInterval.Of(times[0].Zip(times[1], (dense, pruned) => dense / pruned));
        return new(ratio.Median, ratio.Low, ratio.High, rounds, MedianInterval.Of(times[0]).Median, MedianInterval.Of(times[1]).Median);
    }

    public void Dispose() => _batch.Dispose();
}
