using ZipLM.Engine.Compression;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;

namespace ZipLM.Benchmarks;

/// <summary>
/// Structured pruning × quantisation on the quickstart's teacher and task: dense and pruned, in single precision and with 8-bit
/// weights, all four timed in turns in ONNX Runtime.
/// </summary>
internal static class CompoundTable
{
    public static object Measure(TorchSession session, Options options)
    {
        var (dense, _, dev) = QuickstartTeacher.Open(session);
        Model? pruned = null;
        OneShotPruning.Run(
            dense, null, new() { Speedups = [options.Int("speedup", 3)], Runtime = new(InferenceRuntime.OnnxRuntime) }, model => pruned = model, new ErrorReporter(), CancellationToken.None);
        using (pruned)
        {
            var environment = pruned!.Pruning!.Environment;
            return session.Run(() => Measure(session, TransformerModel.Of(dense), TransformerModel.Of(pruned), dev, environment, options.Int("rounds", 200)));
        }
    }

    private static object Measure(TorchSession session, TransformerModel dense, TransformerModel pruned, TextDataset dev, InferenceEnvironment environment, int rounds)
    {
        ForwardTimer Timer(Precision precision) =>
            new(session, dense.Description, environment.BatchSize, environment.SequenceLength, new(InferenceRuntime.OnnxRuntime, precision));

        using ForwardTimer single = Timer(Precision.Float32), integers = Timer(Precision.Int8);
        (string Name, TransformerModel Model, ForwardTimer Timer)[] cases =
        [
            ("dense", dense, single), ("pruned", pruned, single), ("dense, INT8", dense, integers), ("pruned, INT8", pruned, integers),
        ];
        var passes = cases.Select(c => c.Timer.Load(c.Model.Weights(null, CancellationToken.None))).ToList();
        var times = single.Measure(passes, rounds, "compound", NullReporter.Instance, CancellationToken.None);
        passes.ForEach(p => p.Dispose());
        return new
        {
            environment = single.Environment.ToString(),
            target = pruned.TargetSpeedup,
            rounds,
            rows = cases.Select((c, i) => Row(c.Name, c.Model, c.Timer.Environment, dev, times[0], times[i])).ToArray(),
        };
    }

    private static CompoundRow Row(string name, TransformerModel model, InferenceEnvironment environment, TextDataset dev, double[] baseline, double[] times)
    {
        var weights = model.Weights(null, CancellationToken.None);
        using var answers = new RuntimeAnswers(weights, environment);
        var quality = EvaluationSet.Create(model, dev, null, null, CancellationToken.None).Evaluate(weights, answers.Of, CancellationToken.None);
        var speedup = ForwardTimer.Ratio(baseline, times);
        return new(name, speedup.Milliseconds, speedup.Ratio, speedup.Spread, answers.Bytes / 1e6, quality.Value, quality.Loss);
    }

    private sealed record CompoundRow(string name, double ms, double speedup, double spread, double size_mb, double accuracy, double loss);
}
