using System.Runtime.CompilerServices;
using Xunit;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Tests.Runtime;

public sealed class WorkerTests
{
    [Fact]
    public void Everything_runs_on_one_thread_that_is_not_the_callers()
    {
        using var worker = new Worker("test");
        var threads = Enumerable.Range(0, 20).AsParallel().Select(_ => worker.Run(() => Environment.CurrentManagedThreadId)).Distinct().ToList();
        Assert.NotEqual(Environment.CurrentManagedThreadId, Assert.Single(threads));
        Assert.False(worker.IsCurrent);
        Assert.True(worker.Run(() => worker.IsCurrent));
    }

    [Fact]
    public void Exceptions_come_back_as_they_were_with_their_stack()
    {
        using var worker = new Worker("test");
        var thrown = new ZipLMException("TestFailed", ErrorKind.InvalidData, "message", "remedy");
        var caught = Assert.Throws<ZipLMException>(() => worker.Run<int>(() => Fail(thrown)));
        Assert.Same(thrown, caught);
        Assert.Contains(nameof(Fail), caught.StackTrace!, StringComparison.Ordinal);
        Assert.Throws<OperationCanceledException>(() => worker.Run<int>(() => throw new OperationCanceledException()));
        Assert.Equal(7, worker.Run(() => 7));
    }

    [Fact]
    public void A_nested_run_runs_at_once()
    {
        using var worker = new Worker("test");
        Assert.Equal(3, worker.Run(() => 1 + worker.Run(() => 2)));
    }

    [Fact]
    public void Disposing_waits_for_what_is_under_way()
    {
        var worker = new Worker("test");
        using var started = new ManualResetEventSlim();
        var done = false;
        var caller = new Thread(() => worker.Run(() =>
        {
            started.Set();
            Thread.Sleep(50);
            return done = true;
        }));
        caller.Start();
        started.Wait(TestContext.Current.CancellationToken);
        worker.Dispose();
        Assert.True(done);
        caller.Join();
    }

    [Fact]
    public void Disposing_from_its_own_thread_ends_it_after_the_work()
    {
        var worker = new Worker("test");
        Assert.Equal(5, worker.Run(() =>
        {
            worker.Dispose();
            return 5;
        }));
        Assert.Throws<InvalidOperationException>(() => worker.Run(() => 6));
    }

    /// <summary>A model that the last work has used must not live until the next one.</summary>
    [Fact]
    public void What_work_has_used_is_forgotten_with_it()
    {
        using var worker = new Worker("test");
        var used = Use(worker);
        for (var i = 0; i < 1000 && used.IsAlive; i++)
        {
            // The worker needs a moment to return to its queue.
            Thread.Sleep(5);
            GC.Collect();
        }

        Assert.False(used.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Use(Worker worker)
    {
        var used = new object();
        worker.Run(() => used.GetHashCode());
        return new(used);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Fail(Exception e) => throw e;
}
