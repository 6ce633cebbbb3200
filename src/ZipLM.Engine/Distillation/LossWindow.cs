using System.Diagnostics;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>The losses of the steps since the last line of the learning curve. They stay on the device, in one place, until a line is asked for.</summary>
internal sealed class LossWindow(LossWeights weights) : IDisposable
{
    /// <summary>What to do when a loss or a weight is no number any more.</summary>
    public const string DivergedRemedy = "Use a smaller -LearningRate, or more -WarmUp, and with -CheckpointPath a new folder: the one there goes on as it was begun.";

    /// <summary>Steps that there is room for at first.</summary>
    private const int Room = 64;

    /// <summary>[room, 4] in double precision; the first so many are the steps'.</summary>
    private Tensor? _losses;

    /// <summary>Of each step.</summary>
    private readonly List<IReadOnlyList<int>> _rows = [];
    private long _tokens;
    private long _start = Stopwatch.GetTimestamp();

    /// <param name="terms">[total, task, logit, token]; freed.</param>
    /// <param name="rows">The rows of the training data that the batch is of, from 0.</param>
    public void Add(Tensor terms, IReadOnlyList<int> rows, int tokens)
    {
        using (terms)
        {
            Append(terms);
        }

        _rows.Add(rows);
        _tokens += tokens;
    }

    /// <summary>The losses so far, [steps, 4] in double precision on the host; null when there are none. The caller owns it.</summary>
    public Tensor? Losses()
    {
        if (_rows.Count == 0)
        {
            return null;
        }

        using var scope = NewDisposeScope();
        return _losses!.narrow(0, 0, _rows.Count).clone().cpu().MoveToOuterDisposeScope();
    }

    /// <summary>Refuses a loss that is not finite.</summary>
    /// <param name="step">Steps done in all.</param>
    /// <exception cref="ZipLMException"><c>TrainingDiverged</c>, with the first such step and its rows.</exception>
    public void RequireFinite(int step)
    {
        using var losses = Losses();
        var totals = losses is null ? [] : losses.data<double>().Where((_, i) => i % 4 == 0).ToList();
        var at = totals.FindIndex(l => !double.IsFinite(l));
        if (at >= 0)
        {
            var rows = _rows[at].Order().Select(r => r + 1).ToList();
            throw new ZipLMException("TrainingDiverged", ErrorKind.InvalidOperation,
                FormattableString.Invariant($"The loss became {totals[at]} in step {step - totals.Count + at + 1}, with rows {string.Join(", ", rows.Take(8))}{(rows.Count > 8 ? ", …" : "")} of the training data."),
                DivergedRemedy);
        }
    }

    /// <summary>The means since the line before.</summary>
    /// <exception cref="ZipLMException"><c>TrainingDiverged</c>.</exception>
    public TrainingMetric Mean(int step, int totalSteps, double epoch, double learningRate, long memory)
    {
        double? tokensPerSecond = _tokens > 0 ? _tokens / Stopwatch.GetElapsedTime(_start).TotalSeconds : null;
        RequireFinite(step);
        using var losses = Losses();
        using var mean = losses!.mean(new long[] { 0 });
        var means = mean.data<double>().ToArray();
        return new()
        {
            Step = step,
            TotalSteps = totalSteps,
            Epoch = epoch,
            Loss = means[0],
            TaskLoss = weights.Task > 0 ? means[1] : null,
            LogitLoss = weights.Logit > 0 ? means[2] : null,
            TokenLoss = weights.Token > 0 ? means[3] : null,
            LearningRate = learningRate,
            TokensPerSecond = tokensPerSecond,
            MemoryBytes = memory,
        };
    }

    /// <summary>What was done before a stop: it counts for the next line's losses, not for its tokens per second.</summary>
    /// <param name="losses">[steps, 4]; all finite.</param>
    public void Restore(Tensor losses, Device device)
    {
        for (var i = 0; i < losses.shape[0]; i++)
        {
            using var terms = losses[i];
            using var moved = terms.to(device);
            Append(moved);
            _rows.Add([]);
        }
    }

    /// <summary>Begins the next line of the curve.</summary>
    public void Clear()
    {
        _rows.Clear();
        _tokens = 0;
        _start = Stopwatch.GetTimestamp();
    }

    public void Dispose() => _losses?.Dispose();

    /// <summary>Puts a step behind the others.</summary>
    private void Append(Tensor terms)
    {
        using var gradients = no_grad();
        if (_losses is null || _rows.Count == _losses.shape[0])
        {
            var larger = empty(Math.Max(Room, 2 * _rows.Count), 4, ScalarType.Float64, terms.device).DetachFromDisposeScope();
            if (_losses is { } full)
            {
                using var known = larger.narrow(0, 0, _rows.Count);
                known.copy_(full);
                full.Dispose();
            }

            _losses = larger;
        }

        using var place = _losses[_rows.Count];
        place.copy_(terms);
    }
}
