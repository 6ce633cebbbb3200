using ZipLM.Engine.Recipes;

namespace ZipLM.Engine.Tests.Recipes;

/// <summary>A run that is done, which tests copy: measuring time cannot be hurried.</summary>
public sealed class RunFixture : IDisposable
{
    private readonly SessionFixture _session = new();

    public RunFixture()
    {
        Done = new(_session.Session);
        Summary = RecipeFlow.Run(Done.Read(), Done.Run, _session.Session, "/", m => m.Dispose(), new RecordingReporter(), CancellationToken.None);
    }

    internal ZipLM.Engine.Runtime.TorchSession Session => _session.Session;

    internal RecipeFolder Done { get; }

    internal CompressionSummary Summary { get; }

    public void Dispose()
    {
        Done.Dispose();
        _session.Dispose();
    }
}
