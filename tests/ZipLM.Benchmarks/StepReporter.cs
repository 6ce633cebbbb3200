namespace ZipLM.Benchmarks;

/// <summary>Hears of training steps alone.</summary>
internal sealed class StepReporter(Action<int> onStep) : IReporter
{
    public void Verbose(string message)
    {
    }

    public void Debug(string message)
    {
    }

    public void Warning(string message)
    {
    }

    public void Milestone(object message)
    {
    }

    public void Progress(ProgressUpdate update)
    {
        if (update is { Activity: "Training", Completed: false })
        {
            onStep((int)update.Done);
        }
    }
}
