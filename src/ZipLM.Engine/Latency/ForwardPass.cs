namespace ZipLM.Engine.Latency;

/// <summary>A forward pass that is ready to run, with what a runtime has loaded for it.</summary>
/// <param name="run">Runs it and drops what it gives.</param>
/// <param name="loaded">Freed with it.</param>
internal sealed class ForwardPass(Action run, IDisposable? loaded = null) : IDisposable
{
    public void Run() => run();

    public void Dispose() => loaded?.Dispose();
}
