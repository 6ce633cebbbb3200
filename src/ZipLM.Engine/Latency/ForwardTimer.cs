using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Latency;

/// <summary>Times models in a runtime, in one environment's batch shape.</summary>
internal sealed class ForwardTimer : IDisposable
{
    private readonly InterleavedTimer _timer;
    private readonly IModelRuntime _runtime;

    /// <param name="sequenceLength">Tokens a sequence; of the prompt where tokens are generated.</param>
    /// <param name="choice">What executes models; null = torch.</param>
    /// <param name="generatedTokens">Tokens that are written after the prompt; 0 = one forward pass is timed.</param>
    /// <exception cref="ZipLMException">
    /// <c>BatchShapeInvalid</c>, <c>SequenceTooLong</c>, <c>RuntimePrecision</c>, <c>RuntimeDevice</c>; <c>GenerationUnsupported</c>: the
    /// model does not write texts.
    /// </exception>
    public ForwardTimer(TorchSession session, ModelDescription model, int batchSize, int sequenceLength, RuntimeChoice? choice = null, int generatedTokens = 0)
        : this(Open(session, model, batchSize, sequenceLength, choice ?? RuntimeChoice.Torch, generatedTokens))
    {
    }

    /// <param name="runtime">Freed with this.</param>
    internal ForwardTimer(IModelRuntime runtime)
    {
        _runtime = runtime;
        _timer = new(runtime.Synchronize);
    }

    public InferenceEnvironment Environment => _runtime.Environment;

    /// <summary>A model, ready to run; the caller disposes it.</summary>
    /// <param name="owned">The pass frees the model, as soon as it does not need it any more.</param>
    public ForwardPass Load(Transformer model, bool owned = false) => _runtime.Load(model, owned);

    /// <summary>Times the cases in turns, while no other process measures on the device, and tells how far it is; [case][round], in ms.</summary>
    /// <exception cref="ZipLMException"><c>DeviceLost</c>: the device failed in mid-measurement.</exception>
    public double[][] Measure(
        IReadOnlyList<ForwardPass> cases, RoundPlan rounds, string activity, IReporter reporter, CancellationToken cancellationToken)
    {
        using var turn = DeviceLock.Take(Environment.Device, reporter, cancellationToken);
        using var begun = _runtime.Begin();
        var actions = cases.Select(c => (Action)c.Run).ToList();
        try
        {
            var times = _timer.Measure(actions, Math.Clamp(rounds.First / 5, 3, 10), rounds, cancellationToken, RoundDone);
            reporter.Progress(new(activity, "done", times[0].Length, times[0].Length, Completed: true));
            return times;
        }
        catch (Exception e) when (DeviceLost.Is(e))
        {
            throw DeviceLost.Error(e, $"in mid-measurement ({Environment.Device})", Environment);
        }

        // An activity of its own, so that the seconds left are reckoned from the rounds alone.
        void RoundDone(int round)
        {
            if (round <= 0)
            {
                reporter.Progress(new("Warming up", "until times have settled", 0, 0, Completed: round == 0));
            }

            if (round >= 0)
            {
                // How many it takes beyond the first is known only when it is enough.
                var all = Math.Max(rounds.First, round + 1);
                reporter.Progress(new(activity, $"round {round + 1} of {all}", round + 1, all));
            }
        }
    }

    /// <summary>Runs two models in turns and gives the median of the paired ratios.</summary>
    public Speedup Compare(ForwardPass baseline, Transformer model, RoundPlan rounds, IReporter reporter, CancellationToken cancellationToken)
    {
        using var pass = Load(model);
        var times = Measure([baseline, pass], rounds, "Measuring speed", reporter, cancellationToken);
        return Ratio(times[0], times[1]);
    }

    /// <summary>Runs two models in turns and gives the median of the paired ratios.</summary>
    public Speedup Compare(Transformer baseline, Transformer model, RoundPlan rounds, IReporter reporter, CancellationToken cancellationToken)
    {
        using var pass = Load(baseline);
        return Compare(pass, model, rounds, reporter, cancellationToken);
    }

    /// <summary>The median of the paired ratios of times from the same rounds.</summary>
    internal static Speedup Ratio(double[] baseline, double[] model)
    {
        var ratio = MedianInterval.Of(baseline.Zip(model, (slow, fast) => slow / fast));
        return new(ratio.Median, ratio.Low, ratio.High, model.Length, MedianInterval.Of(baseline).Median, MedianInterval.Of(model).Median);
    }

    public void Dispose() => _runtime.Dispose();

    private static IModelRuntime Open(TorchSession session, ModelDescription model, int batchSize, int sequenceLength, RuntimeChoice choice, int generatedTokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(generatedTokens);
        choice.Require();
        if (batchSize < 1 || sequenceLength < 1)
        {
            throw new ZipLMException("BatchShapeInvalid", ErrorKind.InvalidArgument,
                $"A batch of {batchSize} sequences of {sequenceLength} tokens has nothing to run.", "Give a batch size and a sequence length of at least 1.", (batchSize, sequenceLength));
        }

        if (generatedTokens > 0)
        {
            RequireGeneration(model, sequenceLength, generatedTokens);
        }

        if (sequenceLength > model.MaximumSequenceLength)
        {
            throw new ZipLMException("SequenceTooLong", ErrorKind.InvalidArgument,
                $"A sequence length of {sequenceLength} exceeds the model's limit of {model.MaximumSequenceLength} positions.",
                $"Use -SequenceLength {model.MaximumSequenceLength} or less.", sequenceLength);
        }

        if (choice.Runtime == InferenceRuntime.OnnxRuntime)
        {
            return new OnnxRuntime(session, choice.Precision ?? Precision.Float32, batchSize, sequenceLength,
                isCached: model.Task == ModelTask.CausalLanguageModeling, generatedTokens, choice.Threads);
        }

        if (choice.Precision is { } precision && precision != session.Precision)
        {
            throw new ZipLMException("RuntimePrecision", ErrorKind.InvalidArgument,
                $"The session loads models in {session.Precision}, and torch computes in that.", $"Use Connect-GpuSession -Precision {precision}.", precision);
        }

        return new TorchRuntime(session, batchSize, sequenceLength, generatedTokens, choice.Threads);
    }

    private static void RequireGeneration(ModelDescription model, int prompt, int tokens)
    {
        if (model.Task != ModelTask.CausalLanguageModeling)
        {
            throw new ZipLMException("GenerationUnsupported", ErrorKind.InvalidOperation,
                $"A model for {model.Task} ({model.Architecture}) writes no text, so there are no generated tokens to time.",
                "Leave -GeneratedTokens out, or give a causal language model, such as gpt2.", tokens);
        }

        if (Generation.Positions(prompt, tokens) is var positions && positions > model.MaximumSequenceLength)
        {
            throw new ZipLMException("SequenceTooLong", ErrorKind.InvalidArgument,
                $"A prompt of {prompt} tokens and {tokens} generated ones take {positions} positions, and the model's limit is {model.MaximumSequenceLength}.",
                "Use a smaller -SequenceLength or fewer -GeneratedTokens.", positions);
        }
    }
}
