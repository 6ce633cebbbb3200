using System.Management.Automation;

namespace ZipLM.PowerShell.Jobs;

/// <summary>Puts what work makes into the streams of a job.</summary>
internal sealed class JobOutput(Job job) : ICommandOutput
{
    private readonly ProgressThinner _progress = new();

    public void Write(object result) => job.Output.Add(Views.Tag(result));

    public void Error(Exception exception) => job.Error.Add(Errors.Record(exception));

    public void Verbose(string message) => job.Verbose.Add(new(message));

    public void Debug(string message) => job.Debug.Add(new(message));

    public void Warning(string message) => job.Warning.Add(new(message));

    public void Milestone(object message)
    {
        var record = new InformationRecord(message, job.Command);
        record.Tags.Add(Errors.InformationTag);
        job.Information.Add(record);
    }

    public void Progress(ProgressUpdate update)
    {
        if (_progress.Thin(update) is { } record)
        {
            job.Progress.Add(record);
        }
    }
}
