namespace ZipLM.Engine.Latency;

/// <summary>A forward pass that is ready to run, with what a runtime has loaded for it.</summary>
/// <param name="run">Runs it and drops what it gives.</param>
/// <param name="loaded">Freed with it, in this order.</param>
internal sealed class ForwardPass(Action run, params IReadOnlyList<IDisposable> loaded) : IDisposable
{
    public void Run() => run();

    public void Dispose()
    {
        foreach (var one in loaded)
        {
            one.Dispose();
        }
    }
}
