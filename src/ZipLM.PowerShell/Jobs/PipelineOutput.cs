using System.Collections.Concurrent;
using System.Management.Automation;

namespace ZipLM.PowerShell.Jobs;

/// <summary>
/// Carries what work on another thread makes to the pipeline thread, the only one that may call a cmdlet's Write methods.
/// </summary>
internal sealed class PipelineOutput(PSCmdlet command) : ICommandOutput, IDisposable
{
    private readonly BlockingCollection<Action> _queue = [];
    private readonly ProgressThinner _progress = new();

    /// <summary>
    /// Runs work on another thread and writes what it makes until it ends. What the pipeline throws meanwhile (Ctrl-C,
    /// Select-Object -First, -ErrorAction Stop) flies through as it is.
    /// </summary>
    /// <param name="cancel">Called when the pipeline stops while work goes on.</param>
    /// <returns>The exception that ended the work, or null.</returns>
    public Exception? Pump(Action<ICommandOutput> work, Action cancel)
    {
        var task = Task.Run(() =>
        {
            Exception? failure = null;
            try
            {
                work(this);
            }
            catch (Exception e)
            {
                failure = e;
            }

            foreach (var record in _progress.CompleteAll())
            {
                Post(() => command.WriteProgress(record));
            }

            _queue.CompleteAdding();
            return failure;
        });
        try
        {
            foreach (var write in _queue.GetConsumingEnumerable())
            {
                write();
            }
        }
        catch
        {
            // The work must end before the command does.
            cancel();
            task.Wait();
            throw;
        }

        return task.Result;
    }

    public void Write(object result) => Post(() => command.WriteObject(Views.Tag(result)));

    public void Verbose(string message) => Post(() => command.WriteVerbose(message));

    public void Debug(string message) => Post(() => command.WriteDebug(message));

    public void Warning(string message) => Post(() => command.WriteWarning(message));

    public void Error(ZipLMException error) => Post(() => command.WriteError(Errors.Record(error)));

    public void Milestone(object message) => Post(() => command.WriteInformation(message, [Errors.InformationTag]));

    public void Progress(ProgressUpdate update)
    {
        if (_progress.Thin(update) is { } record)
        {
            Post(() => command.WriteProgress(record));
        }
    }

    public void Dispose() => _queue.Dispose();

    private void Post(Action write)
    {
        if (!_queue.IsAddingCompleted)
        {
            _queue.Add(write);
        }
    }
}
