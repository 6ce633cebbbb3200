using System.Diagnostics;
using System.Text.Json;
using ZipLM.Engine.Data;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Runtime;

namespace ZipLM.Benchmarks;

/// <summary>
/// Predicted against measured speedup of random plans on BERT-base's shape, or another: sublayers, plans and the dense
/// model in the same interleaved rounds.
/// </summary>
internal static class LatencyBenchmark
{
    public static int Run(string[] arguments)
    {
        var options = new Options(arguments);
        using var session = TorchSession.Connect(new() { Device = "cpu", Seed = 5, Threads = options.Int("threads", 0) }, NullReporter.Instance);
        var result = session.Run(() => Measure(session, options));
        Console.WriteLine(JsonSerializer.Serialize(result));
        return 0;
    }

    private static object Measure(TorchSession session, Options options)
    {
        var tokenizer = new BertTokenizer([.. BertSpecialTokens.All, .. Enumerable.Range(0, 4000).Select(i => $"w{i}")], new());
        var description = ModelShapes.Random(options, tokenizer) ?? ModelReader.Read(options.Text("model")!).Description.Dense;
        using var handle = TransformerModel.FromWeights(
            session, description.ModelFamily, description, new(), RandomModel.Create(description.Uniform(0, 0), session, CancellationToken.None), tokenizer);
        using var timer = new ForwardTimer(session, description, 1, options.Int("length", 128), Runtimes.Choice(options), options.Int("generate", 0));
        var rounds = options.Int("rounds", 60);
        var plans = RandomPlans.Of(description, options.Int("plans", 20), options.Int("seed", 1)).ToList();
        using var cases = new LatencyCases(session, description, s => LevelGrid.Of(s, s == Sublayer.Attention ? description.DenseHeads : description.DenseWidth), timer, NullReporter.Instance, CancellationToken.None);
        var passes = plans.ConvertAll(p => timer.Load(RandomModel.Create(description with { Layers = p }, session, CancellationToken.None), owned: true));
        var times = timer.Measure([.. cases.Passes, .. passes], rounds, "latency", NullReporter.Instance, CancellationToken.None);
        var repeats = Enumerable.Range(0, options.Int("repeats", 10))
            .Select(_ => timer.Measure([cases.Passes[0], passes[plans.Count / 2]], rounds, "repeats", NullReporter.Instance, CancellationToken.None))
            .Select(t => ForwardTimer.Ratio(t[0], t[1]).Ratio).ToList();
        passes.ForEach(p => p.Dispose());
        if (options.Text("dump") is { } dump)
        {
            string[] names = ["dense", "empty", "bare", "stack", .. cases.Levels.Select(l => $"{l.Sublayer} {l.Level}"), .. plans.Select(p => $"plan {string.Join<LayerShape>(' ', p)}")];
            File.WriteAllText(dump, JsonSerializer.Serialize(new { names, times }));
        }

        var table = LatencyTableBuilder.Assemble(
            handle, timer.Environment, description.Layers.Count, cases.Depth, cases.Levels, LatencyTableBuilder.Intervals(times[..cases.Passes.Count]), rounds);
        var rows = plans.Select((p, i) => Row(table, p, times[0], times[cases.Passes.Count + i])).ToArray();
        return new
        {
            mean_error = rows.Average(r => Math.Abs(r.error)),
            worst_error = rows.Max(r => Math.Abs(r.error)),
            repeat_sd = repeats.Count > 1 ? Math.Sqrt(repeats.Sum(r => Math.Pow((r / repeats.Average()) - 1, 2)) / (repeats.Count - 1)) : (double?)null,
            table_seconds = options.Has("no-table") ? (double?)null : TableSeconds(session, handle, description, timer),
            environment = timer.Environment.ToString(),
            rounds,
            rows,
        };
    }

    /// <summary>What a user waits for a table: levels are made and measured until each is known within 2 %.</summary>
    private static double TableSeconds(TorchSession session, Model handle, ModelDescription description, ForwardTimer timer)
    {
        var watch = Stopwatch.StartNew();
        new LatencyTableBuilder(session, new ErrorReporter()).Build(
            handle, description, s => LevelGrid.Of(s, s == Sublayer.Attention ? description.DenseHeads : description.DenseWidth), timer, null, CancellationToken.None);
        return watch.Elapsed.TotalSeconds;
    }

    private static PlanRow Row(LatencyTable table, LayerShape[] plan, double[] dense, double[] times)
    {
        var measured = ForwardTimer.Ratio(dense, times);
        var predicted = table.DenseMilliseconds / table.Predict(plan);
        return new(measured.Ratio, measured.Spread, predicted, (predicted / measured.Ratio) - 1);
    }

    private sealed record PlanRow(double measured, double spread, double predicted, double error);
}
