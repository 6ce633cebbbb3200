using Xunit;

namespace ZipLM.PowerShell.Tests;

[Collection(TinyStoreCollection.Name)]
public sealed class RunspaceTests(TinyStore store)
{
    [Fact]
    public async Task TwoRunspacesAtOnceHaveASessionEach()
    {
        var ids = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(
            () =>
            {
                using var session = new ModuleSession();
                session.Run("$null = Connect-GpuSession -Device cpu");
                Assert.Single(session.Run("Get-Model bert | Measure-Model -Rounds 5"));
                Assert.Single(session.Run("Get-Model bert | Measure-LayerLatency -Rounds 5 | Invoke-StructuredPrune -Speedup 1.2 -Rounds 5 -SearchTrials 10"));
                int id = session.One<int>("(Get-GpuSession).Id");
                session.Run("Disconnect-GpuSession");
                return id;
            },
            TestContext.Current.CancellationToken)));
        Assert.Equal(2, ids.Distinct().Count());
        Assert.Empty(ids.Intersect(store.Session.Run("(Get-GpuSession).Id").Select(id => (int)id.BaseObject)));
    }

    [Fact]
    public void AModelCanPassFromOneRunspaceToAnother()
    {
        using var other = new ModuleSession();
        object model = store.Session.Run("Get-Model bert").Single();
        dynamic row = other.Run("param($model) $model | Measure-Model -Rounds 3", model).Single();
        Assert.Equal("bert", row.Model);
        Assert.Empty(other.Run("Get-GpuSession"));
    }

    [Fact]
    public void ASessionThatWasForgottenWithItsRunspaceEndsItsThread()
    {
        int before = WorkerThreads();
        Forget();
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return WorkerThreads() <= before;
            },
            TimeSpan.FromMinutes(1)), "The thread of a forgotten session still runs.");
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Forget()
    {
        int before = WorkerThreads();
        using var session = new ModuleSession();
        session.Run("$null = Connect-GpuSession -Device cpu; $null = Get-Model bert | Measure-LayerLatency -Rounds 3");
        Assert.True(WorkerThreads() > before, "There is no thread of the session's own.");
    }

    private static int WorkerThreads() => Directory.GetDirectories("/proc/self/task")
        .Count(thread => File.Exists(thread + "/comm") && File.ReadAllText(thread + "/comm").StartsWith("ZipLM session", StringComparison.Ordinal));
}
