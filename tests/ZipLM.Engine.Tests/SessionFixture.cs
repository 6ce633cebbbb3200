using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Tests;

/// <summary>A session on the CPU for one class of tests. All of them agree on the threads, as sessions of one process must.</summary>
public sealed class SessionFixture : IDisposable
{
    public const int Threads = 1;

    public TorchSession Session { get; } = Connect();

    public static TorchSession Connect(Precision precision = Precision.Float32, TextDataset? calibrationData = null) =>
        TorchSession.Connect(
            new() { Device = "cpu", Threads = Threads, Seed = 17, Precision = precision, CalibrationData = calibrationData }, new RecordingReporter());

    /// <summary>Runs tensor code as the engine does: on the worker thread, in turn with other sessions, with everything in one dispose scope.</summary>
    public void Run(Action work) => Session.Run(
        () =>
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            work();
            return true;
        },
        cancellationToken: CancellationToken.None);

    public void Dispose() => Session.Dispose();
}
