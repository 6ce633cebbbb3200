namespace ZipLM;

/// <summary>Where a long operation tells what it does. Calls may come from any thread.</summary>
public interface IReporter
{
    /// <summary>A step that was taken.</summary>
    void Verbose(string message);

    /// <summary>An internal of interest to developers.</summary>
    void Debug(string message);

    /// <summary>A risk that the user should know of.</summary>
    void Warning(string message);

    /// <summary>An error of one part of the work, after which the other parts go on. Where nobody receives it, it ends the work.</summary>
    void Error(ZipLMException error) => throw error;

    /// <summary>A milestone: text, or an object such as <see cref="TrainingMetric"/>.</summary>
    void Milestone(object message);

    /// <summary>How far the operation is. May be called often; the receiver thins it out.</summary>
    void Progress(ProgressUpdate update);
}
