using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Search;
using static TorchSharp.torch;

namespace ZipLM.Benchmarks;

/// <summary>
/// The search against the plain one, which evaluates every candidate on all search rows from the first sublayer on: loss on
/// held-out data that neither used, and forward tokens, where a sublayer that is dropped costs neither of them anything. The
/// seed draws the rows and both searches' coefficients. And the time of the programming for a model like BERT-large.
/// </summary>
internal static class SearchBenchmark
{
    private const int Rows = 256;

    public static int Run(string[] arguments)
    {
        var options = new Options(arguments);
        using var session = TorchSession.Connect(new() { Device = options.Text("device") ?? "cpu" }, NullReporter.Instance);
        var teacher = QuickstartTeacher.Open(session);
        var speedup = double.Parse(options.Text("speedup") ?? "3", CultureInfo.InvariantCulture);
        var trials = options.Int("trials", new PruningOptions { Speedups = [] }.SearchTrials);
        var result = session.Run(() =>
        {
            var model = TransformerModel.Of(teacher.Model);
            var table = options.Text("table") is { } file ? LatencyTableFlow.Import(Path.GetFullPath(file), model, () => session, Environment.CurrentDirectory) : Measure(model, teacher.Train);
            var rows = Enumerable.Range(1, options.Int("seeds", 5))
                .Select(seed => Compare(model, teacher, table, speedup, options.Int("candidates", 200), trials, seed)).ToArray();
            return new
            {
                loss_ratio = rows.Average(r => r.loss_ratio),
                worst_loss_ratio = rows.Max(r => r.loss_ratio),
                token_ratio = rows.Max(r => r.token_ratio),
                dp_milliseconds = ProgrammingMilliseconds(),
                speedup,
                trials,
                rows,
            };
        });
        Console.WriteLine(JsonSerializer.Serialize(result));
        return 0;
    }

    private static LatencyTable Measure(TransformerModel model, TextDataset data)
    {
        var length = model.Encode(data, model.MaximumSequenceLength, CancellationToken.None).LengthPercentile(0.95);
        using var timer = new ForwardTimer(model.Session, model.Description, 1, length, null);
        return LatencyFlow.Measure(model, timer, null, NullReporter.Instance, CancellationToken.None);
    }

    private static Row Compare(TransformerModel model, QuickstartTeacher teacher, LatencyTable table, double speedup, int candidates, int trials, int seed)
    {
        using var scope = NewDisposeScope();
        var weights = model.Weights(null, CancellationToken.None);
        var sample = CalibrationSample.Draw(teacher.Train, Rows, Rows, seed);
        using var statistics = CalibrationStatistics.Collect(weights, Batch.Sequential(Encode(sample.Statistics), 32, weights.Device), CancellationToken.None);
        using var store = PruningStore.Build(weights, statistics, 1e-2, NullReporter.Instance, CancellationToken.None);
        var choices = new PlanChoices(model.Layers, store, table);
        var budget = table.DenseMilliseconds / speedup;
        var rows = Encode(sample.Search);

        var (plain, plainLoss, plainTokens, plainSeconds) = Plain(weights, store, model.Layers, table, budget, rows, candidates, new Random(1000 + seed));

        var start = Stopwatch.GetTimestamp();
        using var loss = new SearchLoss(weights, rows, CancellationToken.None, Encode(sample.Final!));
        using var planLoss = new PlanLoss(weights, store, loss, PruningStore.DefaultCacheBytes);
        var search = new PlanSearch(choices, planLoss, loss, trials, seed, NullReporter.Instance);
        var plan = search.Find(budget, CancellationToken.None)!;
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var summary = search.Summary(plan);

        var (alike, ours, theirs) = (Judge(choices.Shapes(choices.Solve(budget)!)), Judge(plan.Layers), Judge(plain));
        var row = new Row(
            seed, ours.Loss / theirs.Loss, summary.ForwardTokens / plainTokens, ours.Loss, theirs.Loss, alike.Loss, ours.Value, theirs.Value, alike.Value,
            summary.Curve[^1].Loss, plainLoss, summary.Trials, summary.Evaluated, summary.StoppedEarly, seconds, plainSeconds, string.Join(' ', plan.Layers), string.Join(' ', plain));
        Console.Error.WriteLine(JsonSerializer.Serialize(row));
        return row;

        EncodedDataset Encode(TextDataset data) => model.Encode(data, model.MaximumSequenceLength, CancellationToken.None);

        Quality Judge(IReadOnlyList<LayerShape> layers)
        {
            using var shrunk = Shrinker.Shrink(weights, store, layers, CancellationToken.None);
            return EvaluationSet.Create(model, teacher.Dev, null, null, CancellationToken.None).Evaluate(shrunk, CancellationToken.None);
        }
    }

    private static double MeanLoss(Transformer model, EncodedDataset rows)
    {
        var (loss, count) = (0.0, 0L);
        foreach (var batch in Batch.Sequential(rows, 32, model.Device))
        {
            using var gradients = inference_mode();
            using var scope = NewDisposeScope();
            using (batch)
            {
                var (sum, part) = TaskLoss.Sum(model.Forward(batch).Logits!, batch);
                loss += sum.item<float>();
                count += part;
            }
        }

        return loss / count;
    }

    /// <summary>The search as it is described: costs c·p, random coefficients, then a tenth of the best redrawn, every candidate on all rows.</summary>
    private static (IReadOnlyList<LayerShape> Plan, double Loss, double Tokens, double Seconds) Plain(
        Transformer weights, PruningStore store, IReadOnlyList<LayerShape> layers, LatencyTable table, double budget, EncodedDataset rows, int candidates, Random random)
    {
        var start = Stopwatch.GetTimestamp();
        List<(int Layer, Sublayer Kind)> sublayers = [.. layers.SelectMany(l => new[] { (l.Layer, Sublayer.Attention), (l.Layer, Sublayer.FeedForward) })];
        var levels = sublayers.ConvertAll(at => table.LevelsOf(at.Kind)
            .Select(level => new SublayerLevel(level, table.Milliseconds(at.Kind, level), store[at.Layer, at.Kind].Removal.Prior(level))).Where(level => level.Cost <= 1).ToList());
        double[] best = [.. Enumerable.Range(0, sublayers.Count).Select(_ => random.NextDouble())];
        IReadOnlyList<LayerShape> bestPlan = [];
        var (bestLoss, tokens) = (double.PositiveInfinity, 0.0);
        for (var candidate = 0; candidate < candidates; candidate++)
        {
            double[] coefficients = [.. best];
            for (var i = 0; candidate > 0 && i < Math.Max(1, best.Length / 10); i++)
            {
                coefficients[random.Next(best.Length)] = random.NextDouble();
            }

            var weighed = levels.Select((of, s) => of.ConvertAll(level => level with { Cost = coefficients[s] * level.Cost })).ToList();
            var chosen = LevelSearch.Solve(weighed, budget - table.RestMilliseconds)!.Select((index, s) => levels[s][index].Level).ToArray();
            IReadOnlyList<LayerShape> plan = [.. layers.Select((l, i) => new LayerShape(l.Layer, chosen[2 * i], chosen[(2 * i) + 1]))];
            using var model = Shrinker.Shrink(weights, store, plan, CancellationToken.None);
            var loss = MeanLoss(model, rows);
            tokens += rows.Lengths.Sum() * plan.Sum(l => (l.Heads > 0 ? 1 : 0) + (l.Width > 0 ? 1 : 0)) / (double)sublayers.Count;
            if (loss < bestLoss)
            {
                (best, bestPlan, bestLoss) = (coefficients, plan, loss);
            }
        }

        return (bestPlan, bestLoss, tokens, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>48 sublayers of 45 levels: the median of several solutions.</summary>
    private static double ProgrammingMilliseconds()
    {
        var random = new Random(1);
        IReadOnlyList<IReadOnlyList<SublayerLevel>> sublayers =
            [.. Enumerable.Range(0, 48).Select(_ => Enumerable.Range(0, 45).Select(l => new SublayerLevel(l, l + random.NextDouble(), random.NextDouble() * (45 - l))).ToList())];
        return Enumerable.Range(0, 30).Select(_ =>
        {
            var start = Stopwatch.GetTimestamp();
            LevelSearch.Solve(sublayers, 48 * 15);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }).Skip(10).Order().ElementAt(10);
    }

    private sealed record Row(
        int seed, double loss_ratio, double token_ratio, double loss, double plain_loss, double alike_loss, double accuracy, double plain_accuracy, double alike_accuracy,
        double search_loss, double plain_search_loss, int trials, int evaluated, int stopped_early, double seconds, double plain_seconds, string plan, string plain_plan);
}
