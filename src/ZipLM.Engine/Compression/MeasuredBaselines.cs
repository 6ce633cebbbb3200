using System.Collections.Concurrent;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>Quality of the baselines of one command: many models against one baseline on the same data need it once.</summary>
public sealed class MeasuredBaselines
{
    private readonly ConcurrentDictionary<(object Baseline, TextDataset Data, Perturbation? Perturbation, RuntimeChoice Runtime), double> _qualities = [];

    /// <summary>The quality of a baseline; measured when it is not known yet.</summary>
    /// <param name="runtime">What the answers come from; null = torch. On how many threads does not matter.</param>
    internal double Quality(TransformerModel baseline, TextDataset data, Func<double> measure, Perturbation? perturbation = null, RuntimeChoice? runtime = null) =>
        _qualities.GetOrAdd((baseline.Path ?? (object)baseline, data, perturbation, (runtime ?? RuntimeChoice.Torch) with { Threads = null }), _ => measure());
}
