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

        var rows = Prune(session, options, arguments);
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            worst_shortfall = rows.Max(r => 1 - (r.verified / r.target)),
            worst_overshoot = rows.Max(r => (r.verified / r.target) - 1),
            rows,
        }));
        return 0;
    }

    private static List<Row> Prune(TorchSession session, Options options, string[] arguments)
    {
        var folder = Directory.CreateTempSubdirectory("ziplm-guarantee-").FullName;
        try
        {
            var shape = ModelShapes.Random(options, Tokenizer());
            var isShape = shape is not null;
            var directory = shape is not null ? Write(session, shape, Path.Combine(folder, "dense")) : options.Text("model")!;
            using var model = TransformerModel.FromDirectory(session, Path.GetFileName(directory), directory);
            var rows = new List<Row>();
            // Untrained weights have no structures that matter more than others: the cheapest order will do.
            var pruning = new PruningOptions
            {
                Targets = [.. (options.Text("targets") ?? "2,3,4,6").Split(',').Select(t => new PruningTarget(PruningTargetKind.Speedup, double.Parse(t, CultureInfo.InvariantCulture)))],
                Runtime = Runtimes.Choice(options),
                GeneratedTokens = options.Int("generate", 0),
                SequenceLength = isShape ? options.Int("length", 128) : null,
                CalibrationSamples = isShape ? 8 : 256,
                Criterion = isShape ? PruningCriterion.Magnitude : null,
                Repair = isShape ? false : null,
            };
            OneShotPruning.Run(model, isShape ? Words() : null, pruning, result =>
            {
                using (result)
                {
                    var target = Path.Combine(folder, result.Name);
                    HuggingFaceExport.Write(result, target, false, NullReporter.Instance, CancellationToken.None);
                    var verified = InNewProcess([.. arguments, "--verify", target, "--dense", directory, "--length", $"{result.Pruning!.Environment.SequenceLength}"]);
                    rows.Add(new(model.Name, result.TargetSpeedup!.Value, result.PredictedSpeedup!.Value, result.MeasuredSpeedup!.Value, result.Pruning.Measured.Spread,
                        result.Pruning.Measured.Rounds, result.Pruning.Corrections, verified.Ratio, verified.Spread, verified.Rounds, result.Pruning.Environment.ToString()));
                    Console.Error.WriteLine(rows[^1]);
                }
            }, new ErrorReporter(), CancellationToken.None);
            return rows;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Speedup Verify(TorchSession session, Options options, string pruned) => session.Run(() =>
    {
        using var dense = TransformerModel.FromDirectory(session, "dense", options.Text("dense")!);
        using var model = TransformerModel.FromDirectory(session, "pruned", pruned);
        using var timer = new ForwardTimer(session, dense.Description, 1, options.Int("length", 128), Runtimes.Choice(options), options.Int("generate", 0));
        return timer.Compare(dense.Weights(null, CancellationToken.None), model.Weights(null, CancellationToken.None), RoundPlan.Paired(null), NullReporter.Instance, CancellationToken.None);
    });

    private static Speedup InNewProcess(string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, [.. Host(), "guarantee", .. arguments]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return JsonSerializer.Deserialize<Speedup>(output.Trim().Split('\n')[^1])!;
    }

    /// <summary>The program itself, where it was started by dotnet.</summary>
    private static string[] Host() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(GuaranteeBenchmark).Assembly.Location] : [];

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

    private sealed record Row(
        string model, double target, double predicted, double measured, double spread, int rounds, int corrections,
        double verified, double verified_spread, int verified_rounds, string environment);
}
