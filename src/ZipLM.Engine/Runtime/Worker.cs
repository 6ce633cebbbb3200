using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace ZipLM.Engine.Runtime;

/// <summary>
/// The one thread on which a session's tensor code runs. Torch keeps gradient mode and dispose scopes per thread,
/// so tensor code must not move between threads.
/// </summary>
internal sealed class Worker : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    public Worker(string name)
    {
        _thread = new Thread(Loop) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>True on the worker thread itself.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>Runs <paramref name="work"/> on the worker thread and waits for it; exceptions come back as they were.</summary>
    public T Run<T>(Func<T> work)
    {
        if (IsCurrent)
        {
            return work();
        }

        T result = default!;
        ExceptionDispatchInfo? failure = null;
        using var done = new ManualResetEventSlim();
        _work.Add(() =>
        {
            try
            {
                result = work();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
            finally
            {
                done.Set();
            }
        });
        done.Wait();
        failure?.Throw();
        return result;
    }

    /// <summary>Runs <paramref name="work"/> after what is under way, without waiting for it; at once on the worker thread or when it has ended.</summary>
    public void Post(Action work)
    {
        if (IsCurrent)
        {
            work();
            return;
        }

        try
        {
            _work.Add(work);
        }
        catch (InvalidOperationException)
        {
            work();
        }
    }

    /// <summary>Takes no more work; the thread ends when what was taken is done.</summary>
    public void Finish() => _work.CompleteAdding();

    /// <summary>Takes no more work, and waits until what was taken is done.</summary>
    public void Dispose()
    {
        Finish();
        if (IsCurrent)
        {
            // The thread cannot wait for itself; it ends when this work does, and needs the queue until then.
            return;
        }

        _thread.Join();
        _work.Dispose();
    }

    /// <summary>
    /// Waits for work and does it. In a frame of its own, which ends with the work: one that waits for the next would keep
    /// the last work alive until then, and with it a model that its user has forgotten.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool RunNext()
    {
        if (!_work.TryTake(out var work, Timeout.Infinite))
        {
            return false;
        }

        work();
        return true;
    }

    private void Loop()
    {
        while (RunNext())
        {
        }
    }
}
