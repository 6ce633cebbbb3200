namespace ZipLM.PowerShell.Jobs;

/// <summary>Where a command's work puts what it makes: the pipeline, or the streams of a job. Calls may come from any thread.</summary>
internal interface ICommandOutput : IReporter
{
    /// <summary>Writes a result.</summary>
    void Write(object result);
}
