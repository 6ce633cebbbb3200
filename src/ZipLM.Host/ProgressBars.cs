using System.Management.Automation;
using Spectre.Console;

namespace ZipLM.Host;

/// <summary>
/// PowerShell's progress records as bars at the bottom of a terminal. Other output takes the bars away first; the next
/// record draws them again.
/// </summary>
internal sealed class ProgressBars
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(long Source, int Id), ProgressTask> _tasks = [];
    private ProgressContext? _context;
    private TaskCompletionSource _end = new();
    private Task _drawing = Task.CompletedTask;

    /// <summary>Bars when there is a terminal that can draw them, else null.</summary>
    public static ProgressBars? ForTerminal() =>
        Console.IsOutputRedirected || Console.IsErrorRedirected || !AnsiConsole.Profile.Capabilities.Ansi ? null : new ProgressBars();

    /// <summary>Draws a record, or takes it away once it is completed.</summary>
    public void Show(long source, ProgressRecord record)
    {
        lock (_lock)
        {
            (long, int) key = (source, record.ActivityId);
            if (record.RecordType == ProgressRecordType.Completed)
            {
                if (_tasks.Remove(key, out ProgressTask? ended))
                    ended.StopTask();
                if (_tasks.Count == 0)
                    Clear();
                return;
            }

            _context ??= Start();
            if (!_tasks.TryGetValue(key, out ProgressTask? task))
                task = _tasks[key] = _context.AddTask(Markup.Escape(record.Activity));
            task.Description = Markup.Escape($"{record.Activity}: {record.StatusDescription}");
            task.IsIndeterminate = record.PercentComplete < 0;
            if (record.PercentComplete >= 0)
                task.Value = record.PercentComplete;
        }
    }

    /// <summary>Takes all bars away.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            if (_context is null)
                return;
            _end.SetResult();
            _drawing.GetAwaiter().GetResult();
            _context = null;
            _tasks.Clear();
        }
    }

    private ProgressContext Start()
    {
        _end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var started = new TaskCompletionSource<ProgressContext>();
        _drawing = AnsiConsole.Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(async context =>
            {
                started.SetResult(context);
                await _end.Task.ConfigureAwait(false);
            });
        return started.Task.GetAwaiter().GetResult();
    }
}
