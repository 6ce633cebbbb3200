using System.Diagnostics;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>Where a run is: its state, its curve and its best weights, and how they are kept.</summary>
internal sealed class TrainingRun : IDisposable
{
    private readonly FlatParameters _parameters;
    private readonly AdamW _optimizer;
    private readonly LossWindow _window;
    private readonly TrainingOptions _options;
    private readonly IReporter _reporter;
    private readonly TrainingCheckpoint? _checkpoint;
    private readonly List<TrainingMetric> _curve = [];
    private Tensor? _best;
    private TrainingState? _saved;
    private long _savedAt = Stopwatch.GetTimestamp();

    /// <summary>Begins a run, or goes on with the one in the checkpoint.</summary>
    /// <param name="cachesTeacher">As <see cref="TrainingState.CachesTeacher"/> says.</param>
    public TrainingRun(
        FlatParameters parameters, AdamW optimizer, LossWindow window, TrainingOptions options, bool? cachesTeacher, IReporter reporter,
        TrainingCheckpoint? checkpoint, CancellationToken cancellationToken)
    {
        (_parameters, _optimizer, _window, _options, _reporter, _checkpoint) = (parameters, optimizer, window, options, reporter, checkpoint);
        var stored = checkpoint?.Restore(parameters, optimizer, window, best => _best = best.DetachFromDisposeScope(), cancellationToken);
        var most = Math.Min(options.MicroBatchSize ?? options.BatchSize, options.BatchSize);
        // Smaller parts than asked for are those that memory had room for.
        State = stored is null ? new() { PartSize = most, CachesTeacher = cachesTeacher } : stored with { PartSize = Math.Min(stored.PartSize, most) };
        _curve.AddRange(checkpoint?.Metrics.KeepUpTo(State.Logged) ?? []);
        if (stored is not null)
        {
            _saved = stored;
            reporter.Verbose($"Going on after step {stored.Step} of {checkpoint!.Directory.FullName}{(stored.Done ? ", which is the last" : "")}.");
            if (checkpoint.Differences is { Count: > 0 } differences)
            {
                reporter.Warning($"The training in '{checkpoint.Directory.FullName}' was begun with {string.Join("; ", differences)}: it goes on, and its weights are not to the last bit those of one that never stopped.");
            }
        }
    }

    public TrainingState State { get; set; }

    public IReadOnlyList<TrainingMetric> Curve => _curve;

    private bool KeepsBest => _options.KeepBest || _options.Patience is not null;

    /// <summary>Adds a line to the learning curve; a validation may be the best so far, or end the training.</summary>
    /// <param name="score">Of the validation, larger is better; null without one.</param>
    public void Log(TrainingMetric metric, double? score, bool isLast)
    {
        _window.Clear();
        _curve.Add(metric);
        _checkpoint?.Metrics.Append(metric);
        _reporter.Milestone(metric);
        var state = State with { Logged = metric.Step, Done = isLast };
        if (score is not null && KeepsBest)
        {
            var isBest = !(score <= state.Best);
            if (isBest)
            {
                _best ??= empty_like(_parameters.Weights).DetachFromDisposeScope();
                _best.copy_(_parameters.Weights);
            }

            state = state with { Best = isBest ? score : state.Best, Waited = isBest ? 0 : state.Waited + 1 };
            if (!state.Done && state.Waited >= _options.Patience)
            {
                _reporter.Verbose($"Training ends after step {state.Step}: {state.Waited} validation(s) without a better result.");
                state = state with { Done = true };
            }
        }

        State = state;
    }

    /// <summary>Stores the run when the interval is over.</summary>
    public void SaveWhenDue()
    {
        if (_checkpoint is not null && Stopwatch.GetElapsedTime(_savedAt) >= _options.CheckpointInterval)
        {
            Save();
        }
    }

    /// <summary>Stores the run, unless it is stored as it is.</summary>
    /// <exception cref="ZipLMException"><c>TrainingDiverged</c>: the last good checkpoint stays.</exception>
    public void Save()
    {
        if (_checkpoint is null || _saved == State)
        {
            return;
        }

        _window.RequireFinite(State.Step);
        RequireFiniteWeights();
        _checkpoint.Save(State, _parameters, _optimizer, _window, _best);
        (_saved, _savedAt) = (State, Stopwatch.GetTimestamp());
    }

    /// <summary>Stores the end of the run, and puts the best weights in place.</summary>
    /// <exception cref="ZipLMException"><c>TrainingDiverged</c>: of the last step only the weights can tell.</exception>
    public void Finish()
    {
        RequireFiniteWeights();
        Save();
        if (_best is not null)
        {
            _parameters.Weights.copy_(_best);
            _parameters.Publish();
        }
    }

    public void Dispose() => _best?.Dispose();

    private void RequireFiniteWeights()
    {
        using var scope = NewDisposeScope();
        if (!_parameters.Weights.isfinite().all().item<bool>())
        {
            throw new ZipLMException("TrainingDiverged", ErrorKind.InvalidOperation,
                $"A weight is no longer finite after step {State.Step}.", LossWindow.DivergedRemedy);
        }
    }
}
