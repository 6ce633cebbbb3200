namespace ZipLM.Benchmarks;

/// <summary>Writes steps and warnings to the error stream: the output is the result's.</summary>
internal sealed class ErrorReporter : IReporter
{
    public void Verbose(string message) => Console.Error.WriteLine(message);

    public void Debug(string message)
    {
    }

    public void Warning(string message) => Console.Error.WriteLine($"Warning: {message}");

    public void Milestone(object message)
    {
    }

    public void Progress(ProgressUpdate update)
    {
    }
}
