using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;

namespace ZipLM.Benchmarks;

/// <summary>
/// Does a speedup hold that was promised? Each pruned model is measured against the dense one once more, by a new process
/// that starts from the files, and what it finds counts.
/// </summary>
internal static class GuaranteeBenchmark
{
    public static int Run(string[] arguments)
    {
        var options = new Options(arguments);
        using var session = TorchSession.Connect(new() { Device = "cpu", Seed = 5, Threads = options.Int("threads", 0) }, NullReporter.Instance);
        if (options.Text("verify") is { } pruned)
        {
            Console.WriteLine(JsonSerializer.Serialize(Verify(session, options, pruned)));
            return 0;
        }

        var rows = Runtimes.Choices(options).SelectMany(runtime => Prune(session, options, runtime)).ToList();
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            worst_shortfall = Shortfall(rows),
            worst_overshoot = Overshoot(rows),
            failed = rows.Count(r => r.verified is null),
            runtimes = rows.GroupBy(r => r.runtime).Select(g => new { runtime = g.Key, worst_shortfall = Shortfall(g), worst_overshoot = Overshoot(g) }),
            rows,
        }));
        return 0;
    }

    /// <summary>A target that was not reached at all falls short by all of it.</summary>
    private static double Shortfall(IEnumerable<Row> rows) => rows.Max(r => 1 - ((r.verified ?? 0) / r.target));

    private static double? Overshoot(IEnumerable<Row> rows) => rows.Max(r => (r.verified / r.target) - 1);

    private static List<Row> Prune(TorchSession session, Options options, RuntimeChoice runtime)
    {
        var folder = Directory.CreateTempSubdirectory("ziplm-guarantee-").FullName;
        try
        {
            var name = options.Text("model") ?? "bert-base";
            var shape = ModelShapes.Random(options, Tokenizer());
            var isShape = shape is not null;
            var directory = shape is not null ? Write(session, shape, Path.Combine(folder, "dense"))
                : name == "quickstart" ? QuickstartTeacher.Open(session).Model.Path!
                : Path.GetFullPath(name);
            using var model = TransformerModel.FromDirectory(session, Path.GetFileName(directory), directory);
            var data = isShape ? Words() : null;
            // One table for all targets, and each target by itself: one that is out of reach is a row like the others.
            var table = LatencyFlow.Run(
                model, data, 1, isShape ? options.Int("length", 128) : null, null, new ErrorReporter(), CancellationToken.None, runtime, options.Int("generate", 0));
            var rows = new List<Row>();
            foreach (var target in (options.Text("targets") ?? "2,3,4,6").Split(',').Select(t => double.Parse(t, CultureInfo.InvariantCulture)))
            {
                var usual = new PruningOptions { Speedups = [target], Table = table };
                // Untrained weights have no structures that matter more than others: the cheapest order will do, and no search.
                var pruning = isShape ? usual with { CalibrationSamples = 8, SearchTrials = 0, Criterion = PruningCriterion.Magnitude, Repair = false } : usual;
                var row = new Row(name, Runtimes.Name(runtime), target) { environment = table.Environment.ToString() };
                try
                {
                    OneShotPruning.Run(model, data, pruning, result => row = Verified(row, result, runtime, folder, directory), new ErrorReporter(), CancellationToken.None);
                }
                catch (ZipLMException e)
                {
                    row = row with { failure = e.Message };
                }

                rows.Add(row);
                Console.Error.WriteLine(row);
            }

            return rows;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What a new process finds, in the shape that the speedup was promised for.</summary>
    private static Row Verified(Row row, Model result, RuntimeChoice runtime, string folder, string dense)
    {
        using (result)
        {
            var (target, promised) = (Path.Combine(folder, result.Name), result.Pruning!);
            HuggingFaceExport.Write(result, target, false, NullReporter.Instance, CancellationToken.None);
            var verified = InNewProcess(
                ["--verify", target, "--dense", dense, "--length", $"{promised.Environment.SequenceLength}", "--generate", $"{promised.Environment.GeneratedTokens}", "--threads", $"{promised.Environment.Threads}", "--runtimes", Runtimes.Name(runtime)]);
            return row with
            {
                predicted = result.PredictedSpeedup,
                measured = result.MeasuredSpeedup,
                spread = promised.Measured.Spread,
                rounds = promised.Measured.Rounds,
                corrections = promised.Corrections,
                verified = verified.Ratio,
                verified_spread = verified.Spread,
                verified_rounds = verified.Rounds,
            };
        }
    }

    private static Speedup Verify(TorchSession session, Options options, string pruned) => session.Run(() =>
    {
        using var dense = TransformerModel.FromDirectory(session, "dense", options.Text("dense")!);
        using var model = TransformerModel.FromDirectory(session, "pruned", pruned);
        using var timer = new ForwardTimer(session, dense.Description, 1, options.Int("length", 128), Runtimes.Choice(options), options.Int("generate", 0));
        return timer.Compare(dense.Weights(null, CancellationToken.None), model.Weights(null, CancellationToken.None), RoundPlan.Paired(null), NullReporter.Instance, CancellationToken.None);
    });

    private static Speedup InNewProcess(string[] arguments) => OwnProcess.Result<Speedup>(["guarantee", .. arguments]);

    private static string Write(TorchSession session, ModelDescription shape, string directory)
    {
        session.Run(() =>
        {
            using var model = TransformerModel.FromWeights(session, shape.ModelFamily, shape, new(), RandomModel.Create(shape, session, CancellationToken.None), Tokenizer());
            HuggingFaceExport.Write(model, directory, false, NullReporter.Instance, CancellationToken.None);
            return true;
        });
        return directory;
    }

    private static BertTokenizer Tokenizer() => new([.. BertSpecialTokens.All, .. Enumerable.Range(0, 1000).Select(i => $"w{i}")], new() { MaximumLength = 512 });

    private static TextDataset Words()
    {
        var random = new Random(1);
        return new("words", [.. Enumerable.Range(0, 16).Select(_ => new TextExample(string.Join(' ', Enumerable.Range(0, 30).Select(_ => $"w{random.Next(1000)}")), null, null))], []);
    }

    private sealed record Row(string model, string runtime, double target)
    {
        public double? predicted { get; init; }

        public double? measured { get; init; }

        public double? spread { get; init; }

        public int? rounds { get; init; }

        public int? corrections { get; init; }

        public double? verified { get; init; }

        public double? verified_spread { get; init; }

        public int? verified_rounds { get; init; }

        public string? environment { get; init; }

        public string? failure { get; init; }
    }
}
