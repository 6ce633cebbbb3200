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

    /// <summary>Runs work on another thread and writes what it makes until it ends; its exception comes out as it was.</summary>
    /// <param name="cancel">Called when the pipeline stops while work goes on.</param>
    public void Pump(Action<ICommandOutput> work, Action cancel)
    {
        var task = Task.Run(() =>
        {
            try
            {
                work(this);
            }
            finally
            {
                _queue.CompleteAdding();
            }
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
            // The pipeline is stopping (Ctrl-C, Select-Object -First): the work must end before the command does.
            cancel();
            Wait(task);
            throw;
        }

        task.GetAwaiter().GetResult();
    }

    public void Write(object result) => Post(() => command.WriteObject(Views.Tag(result)));

    public void Error(Exception exception) => Post(() => command.WriteError(Errors.Record(exception)));

    public void Verbose(string message) => Post(() => command.WriteVerbose(message));

    public void Debug(string message) => Post(() => command.WriteDebug(message));

    public void Warning(string message) => Post(() => command.WriteWarning(message));

    public void Milestone(object message) => Post(() => command.WriteInformation(message, [Errors.InformationTag]));

    public void Progress(ProgressUpdate update)
    {
        if (_progress.Thin(update) is { } record)
        {
            Post(() => command.WriteProgress(record));
        }
    }

    public void Dispose() => _queue.Dispose();

    private static void Wait(Task task)
    {
        try
        {
            task.Wait();
        }
        catch (AggregateException)
        {
            // The pipeline's own stop is what the user sees.
        }
    }

    private void Post(Action write)
    {
        if (!_queue.IsAddingCompleted)
        {
            _queue.Add(write);
        }
    }
}
