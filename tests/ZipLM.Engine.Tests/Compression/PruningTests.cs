using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Tests.Models;

namespace ZipLM.Engine.Tests.Compression;

/// <summary>
/// The whole road on a tiny model. Where the plan matters, the times come from a made-up table, so that nothing hangs on
/// how fast this machine is just now.
/// </summary>
public abstract class PruningTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private protected static TextDataset Text { get; } = TinyBert.Unlabelled(TinyBert.Data(60, seed: 10));

    private protected RecordingReporter Reporter { get; } = new();

    private protected SessionFixture Fixture { get; } = fixture;

    private protected TorchSession Session => Fixture.Session;

    private protected Model Prune(Model model, double speedup, LatencyTable? table, bool force = false) =>
        Assert.Single(Run(model, Text, new() { Speedups = [speedup], Table = table, Rounds = 5, CalibrationSamples = 40, Force = force }));

    private protected List<Model> Run(Model model, TextDataset? data, PruningOptions options)
    {
        var models = new List<Model>();
        OneShotPruning.Run(model, data, options, models.Add, Reporter, TestContext.Current.CancellationToken);
        return models;
    }
}
