using System.Diagnostics;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>Sums up losses (on the device) and tokens between two lines of a learning curve.</summary>
internal sealed class LossClock(LossWeights weights) : IDisposable
{
    private Tensor? _sum;
    private int _steps;
    private long _tokens;
    private long _start = Stopwatch.GetTimestamp();

    /// <param name="terms">[total, task, logit, token]; owned by this from here.</param>
    public void Add(Tensor terms, int tokens)
    {
        if (_sum is null)
        {
            _sum = terms;
        }
        else
        {
            _sum.add_(terms);
            terms.Dispose();
        }

        _steps++;
        _tokens += tokens;
    }

    /// <summary>The means since the line before, and a new start.</summary>
    public TrainingMetric Read(int step, int totalSteps, double epoch, double learningRate)
    {
        using var onHost = _sum!.cpu();
        var means = onHost.data<double>().Select(v => v / _steps).ToArray();
        var metric = new TrainingMetric
        {
            Step = step,
            TotalSteps = totalSteps,
            Epoch = epoch,
            Loss = means[0],
            TaskLoss = weights.Task > 0 ? means[1] : null,
            LogitLoss = weights.Logit > 0 ? means[2] : null,
            TokenLoss = weights.Token > 0 ? means[3] : null,
            LearningRate = learningRate,
            TokensPerSecond = _tokens / Stopwatch.GetElapsedTime(_start).TotalSeconds,
        };
        Restart();
        return metric;
    }

    public void Restart()
    {
        Dispose();
        (_steps, _tokens, _start) = (0, 0, Stopwatch.GetTimestamp());
    }

    public void Dispose()
    {
        _sum?.Dispose();
        _sum = null;
    }
}
