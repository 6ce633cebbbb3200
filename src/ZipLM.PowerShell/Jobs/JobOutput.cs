using System.Management.Automation;

namespace ZipLM.PowerShell.Jobs;

/// <summary>Puts what work makes into the streams of a job.</summary>
internal sealed class JobOutput(Job job) : ICommandOutput
{
    /// <summary>Progress records that are kept for whoever receives them: a training of days makes millions.</summary>
    private const int MostProgress = 500;

    private readonly ProgressThinner _progress = new();
    private volatile string _status = string.Empty;

    /// <summary>Where the work is; empty before it says so.</summary>
    public string Status => _status;

    public void Write(object result) => job.Output.Add(Views.Tag(result));

    public void Verbose(string message) => job.Verbose.Add(new(message));

    public void Debug(string message) => job.Debug.Add(new(message));

    public void Warning(string message) => job.Warning.Add(new(message));

    public void Error(ZipLMException error) => job.Error.Add(Errors.Record(error));

    public void Milestone(object message)
    {
        var record = new InformationRecord(message, job.Command);
        record.Tags.Add(Errors.InformationTag);
        job.Information.Add(record);
    }

    public void Progress(ProgressUpdate update)
    {
        _status = update.Status;
        if (_progress.Thin(update) is { } record)
        {
            if (job.Progress.Count >= MostProgress)
            {
                job.Progress.ReadAll();
            }

            job.Progress.Add(record);
        }
    }

    /// <summary>Ends what is still shown as in progress.</summary>
    public void End()
    {
        foreach (var record in _progress.CompleteAll())
        {
            job.Progress.Add(record);
        }
    }
}
