namespace ZipLM.Benchmarks;

/// <summary>Hears nothing.</summary>
internal sealed class NullReporter : IReporter
{
    public static NullReporter Instance { get; } = new();

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
    }
}
