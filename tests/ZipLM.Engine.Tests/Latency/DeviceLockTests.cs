using Xunit;
using ZipLM.Engine.Latency;

namespace ZipLM.Engine.Tests.Latency;

public sealed class DeviceLockTests : IDisposable
{
    private readonly string _device = $"test:{Guid.NewGuid():N}";
    private readonly RecordingReporter _reporter = new();

    public void Dispose() => File.Delete(DeviceLock.PathFor(_device));

    [Fact]
    public async Task The_second_waits_for_the_first_and_says_so_once()
    {
        var first = DeviceLock.Take(_device, _reporter, TestContext.Current.CancellationToken);
        Assert.Empty(_reporter.Warnings);
        var second = Task.Run(() => DeviceLock.Take(_device, _reporter, TestContext.Current.CancellationToken), TestContext.Current.CancellationToken);
        Assert.True(SpinWait.SpinUntil(() => _reporter.Warnings.Count > 0, TimeSpan.FromMinutes(1)));
        await Task.Delay(350, TestContext.Current.CancellationToken);
        Assert.False(second.IsCompleted);
        Assert.Contains(_device, Assert.Single(_reporter.Warnings), StringComparison.Ordinal);
        first.Dispose();
        (await second).Dispose();
        Assert.Single(_reporter.Warnings);
    }

    [Fact]
    public void Waiting_can_be_cancelled()
    {
        using var first = DeviceLock.Take(_device, _reporter, TestContext.Current.CancellationToken);
        using var source = new CancellationTokenSource(50);
        Assert.Throws<OperationCanceledException>(() => DeviceLock.Take(_device, _reporter, source.Token));
    }

    [Fact]
    public void Another_device_is_not_waited_for()
    {
        using var first = DeviceLock.Take(_device, _reporter, TestContext.Current.CancellationToken);
        DeviceLock.Take(_device + "1", _reporter, TestContext.Current.CancellationToken).Dispose();
        File.Delete(DeviceLock.PathFor(_device + "1"));
        Assert.Empty(_reporter.Warnings);
    }

    [Fact]
    public void The_one_who_waits_is_told_for_whom()
    {
        using (DeviceLock.Take(_device, _reporter, TestContext.Current.CancellationToken))
        {
            using var source = new CancellationTokenSource(50);
            Assert.Throws<OperationCanceledException>(() => DeviceLock.Take(_device, _reporter, source.Token));
            Assert.Contains($"process {Environment.ProcessId} ", Assert.Single(_reporter.Warnings), StringComparison.Ordinal);
        }

        Assert.False(File.Exists(DeviceLock.NoteFor(_device)));
    }

    [Fact]
    public void A_turn_that_a_dead_process_left_behind_is_taken_over_and_said()
    {
        File.WriteAllText(DeviceLock.PathFor(_device), "");
        File.WriteAllText(DeviceLock.NoteFor(_device), "process 4711 (pwsh)");
        DeviceLock.Take(_device, _reporter, TestContext.Current.CancellationToken).Dispose();
        Assert.Contains("left behind by process 4711 (pwsh)", Assert.Single(_reporter.Warnings), StringComparison.Ordinal);
        DeviceLock.Take(_device, _reporter, TestContext.Current.CancellationToken).Dispose();
        Assert.Single(_reporter.Warnings);
    }

    /// <summary>A note that stays, as another account's does, tells nothing.</summary>
    [Fact]
    public void A_note_that_cannot_be_replaced_is_not_said_again_and_again()
    {
        // Nobody may write to a device's file, whoever runs the test; it has text all the same.
        File.CreateSymbolicLink(DeviceLock.NoteFor(_device), "/proc/version");
        DeviceLock.Take(_device, _reporter, TestContext.Current.CancellationToken).Dispose();
        Assert.Empty(_reporter.Warnings);
    }

    /// <summary>A lock file that cannot be is no lock that somebody holds: waiting for it would never end.</summary>
    [Fact]
    public void Where_there_can_be_no_lock_it_is_said_and_measured_without()
    {
        DeviceLock.Take("test:" + new string('x', 300), _reporter, TestContext.Current.CancellationToken).Dispose();
        Assert.Contains("may disturb the measurement", Assert.Single(_reporter.Warnings), StringComparison.Ordinal);
    }

    /// <summary>A file that is there but that no one holds, as a dead process leaves it, is no lock.</summary>
    [Fact]
    public void A_file_that_was_left_behind_is_no_lock()
    {
        File.WriteAllText(DeviceLock.PathFor(_device), "");
        DeviceLock.Take(_device, _reporter, TestContext.Current.CancellationToken).Dispose();
        Assert.Empty(_reporter.Warnings);
    }
}
