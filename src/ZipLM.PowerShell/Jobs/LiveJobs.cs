using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ZipLM.PowerShell.Jobs;

/// <summary>
/// The jobs at work in this process. At its end they are stopped: torch's libraries are taken down then, and a thread
/// that still computes in them would crash the process and lose its exit code.
/// </summary>
internal static partial class LiveJobs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly ConcurrentDictionary<ModelJob, byte> Jobs = new();

    static LiveJobs() => AppDomain.CurrentDomain.ProcessExit += (_, _) => StopAll();

    public static void Add(ModelJob job) => Jobs.TryAdd(job, 0);

    public static void Remove(ModelJob job) => Jobs.TryRemove(job, out _);

    private static void StopAll()
    {
        // All are told before any is waited for: they take turns, and each ends after its current step.
        var jobs = Jobs.Keys.ToList();
        jobs.ForEach(job => job.Cancel());
        long start = Stopwatch.GetTimestamp();
        if (!jobs.TrueForAll(job => job.WaitForEnd(Patience - Stopwatch.GetElapsedTime(start))) && !OperatingSystem.IsWindows())
        {
            // A step that takes longer than anyone waits: the process goes without taking the libraries down.
            Exit(Environment.ExitCode);
        }
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int status);
}
