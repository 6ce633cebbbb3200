using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Recipes;
using ZipLM.Engine.Runtime;

namespace ZipLM.Benchmarks;

/// <summary>
/// A small recipe with a recorded latency table runs once to its end, and once more in a process that is killed (SIGKILL) at
/// random moments and started again each time. Both runs must end with the same bytes, measurements apart.
/// </summary>
internal static class ResumeBenchmark
{
    private const int Threads = 1;

    public static int Run(string[] arguments)
    {
        var options = new Options(arguments);
        if (options.Text("child") is { } recipe)
        {
            return Child(recipe, options.Text("directory")!);
        }

        var folder = Directory.CreateTempSubdirectory("ziplm-resume-").FullName;
        try
        {
            var file = Prepare(folder);
            var (whole, killed) = (Path.Combine(folder, "whole"), Path.Combine(folder, "killed"));
            var watch = Stopwatch.StartNew();
            Finish(file, whole);
            var wholeSeconds = watch.Elapsed.TotalSeconds;
            // As many as there are stages, so that each is hit.
            var rows = Moments(whole, options.Int("kills", RunReader.Read(whole).Count), options.Int("seed", 1)).Select(m => Kill(file, killed, m)).OfType<Row>().ToList();
            Finish(file, killed);
            var (expected, actual) = (Outputs(whole), Outputs(killed));
            var different = expected.Keys.Union(actual.Keys).Where(f => expected.GetValueOrDefault(f) != actual.GetValueOrDefault(f)).Order(StringComparer.Ordinal).ToList();
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                kills = rows.Count(r => r.killed),
                identical = different.Count == 0,
                worst_repeated_seconds = rows.Max(r => r.repeated_seconds),
                stages = RunReader.Read(killed).Count,
                stages_killed = rows.Where(r => r.killed).Select(r => r.stage).Distinct().Count(),
                files = expected.Count,
                whole_seconds = Math.Round(wholeSeconds, 1),
                different,
                rows,
            }));
            return different.Count == 0 ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Child(string recipe, string directory)
    {
        using var session = TorchSession.Connect(RecipeFile.Read(recipe).Session, NullReporter.Instance);
        RecipeFlow.Run(RecipeFile.Read(recipe), directory, session, directory, m => m.Dispose(), NullReporter.Instance, CancellationToken.None);
        return 0;
    }

    /// <summary>Random moments in stages drawn so that all have their turn, in the order of the run.</summary>
    private static IEnumerable<Moment> Moments(string run, int count, int seed)
    {
        var random = new Random(seed);
        var stages = RunReader.Read(run);
        return Enumerable.Range(0, (count + stages.Count - 1) / stages.Count)
            .SelectMany(_ => stages.OrderBy(_ => random.Next()))
            .Take(count)
            .Select(s => new Moment(s.Stage, random.NextDouble() * s.Duration!.Value.TotalSeconds))
            .OrderBy(m => m.Stage, StringComparer.Ordinal).ThenBy(m => m.Seconds);
    }

    /// <summary>Starts the run and kills it some time after a stage has begun; null where that stage is done already.</summary>
    private static Row? Kill(string recipe, string directory, Moment moment)
    {
        var folder = Path.Combine(directory, moment.Stage);
        if (File.Exists(Path.Combine(folder, StageMark.FileName)))
        {
            return null;
        }

        var inputs = Path.Combine(folder, "inputs.json");
        var before = File.Exists(inputs) ? File.GetLastWriteTimeUtc(inputs) : default;
        using var process = Start(recipe, directory);
        var watch = Stopwatch.StartNew();
        while (!process.HasExited && !(File.Exists(inputs) && File.GetLastWriteTimeUtc(inputs) > before))
        {
            Thread.Sleep(1);
            if (watch.Elapsed > TimeSpan.FromMinutes(2))
            {
                process.Kill();
                throw new TimeoutException($"{moment.Stage} did not begin.");
            }
        }

        Thread.Sleep(TimeSpan.FromSeconds(moment.Seconds));
        var killed = !process.HasExited;
        process.Kill();
        var now = DateTime.UtcNow;
        process.WaitForExit();
        // What is not kept: since the stage began or since its last checkpoint; of a stage that had ended, or not begun, by then, nothing.
        var state = RunReader.Read(directory).Where(s => s.State == StageState.Begun).Select(s => s.Stage).LastOrDefault();
        var kept = state is null ? now : new[] { Path.Combine(directory, state, "inputs.json"), Path.Combine(directory, state, "checkpoint", "checkpoint.safetensors") }
            .Where(File.Exists).Select(File.GetLastWriteTimeUtc).DefaultIfEmpty(now).Max();
        return new(moment.Stage, state ?? "between", Math.Round(moment.Seconds, 3), killed, Math.Round((now - kept).TotalSeconds, 3));
    }

    private static void Finish(string recipe, string directory)
    {
        using var process = Start(recipe, directory);
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"The run in {directory} ended with {process.ExitCode}.");
        }
    }

    private static Process Start(string recipe, string directory) =>
        OwnProcess.Start(readsOutput: false, "resume", "--child", recipe, "--directory", directory);

    /// <summary>Hashes of the stages' files, measurements apart, and of the members' weights.</summary>
    private static Dictionary<string, string> Outputs(string run) => Directory.EnumerateFiles(run, "*", SearchOption.AllDirectories)
        .Where(f => Path.GetRelativePath(run, f) is var name
            && ((char.IsAsciiDigit(name[0]) && Path.GetFileName(name) != StageFolder.Measurements) || name.EndsWith(".safetensors", StringComparison.Ordinal)))
        .ToDictionary(f => Path.GetRelativePath(run, f), f => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f))));

    private static string Prepare(string folder)
    {
        var train = Write(Path.Combine(folder, "train.tsv"), 1600, 1);
        Write(Path.Combine(folder, "dev.tsv"), 200, 2);
        using var session = TorchSession.Connect(new() { Device = "cpu", Threads = Threads, Seed = 3 }, NullReporter.Instance);
        var tokenizer = WordPieceTrainer.Train(train.Examples.Select(e => e.Text), 400, new() { MaximumLength = 32 });
        using var model = ModelCatalog.Create(session, "small", new(3, 64, 4, 256, 32), tokenizer, ModelTask.SequenceClassification, train.Labels, CancellationToken.None);
        HuggingFaceExport.Write(model, Path.Combine(folder, "small"), false, NullReporter.Instance, CancellationToken.None);
        LatencyTableFlow.Export(MadeUp(TransformerModel.Of(model)), Path.Combine(folder, "table.yaml"), replace: false);
        var file = Path.Combine(folder, "small.yaml");
        File.WriteAllText(file, """
            schema: 1
            name: small
            model: small
            seed: 3
            data: {train: train.tsv, validation: dev.tsv}
            environment: {device: cpu, threads: 1}
            latency: {table: table.yaml}
            targets: [1.5, 2, 3]
            fine_tune: {epochs: 2, batch_size: 16, learning_rate: 1e-3, checkpoint_seconds: 0.5}
            pruning: {calibration_samples: 128, rounds: 5, correction: false}
            distillation: {epochs: 2, batch_size: 16, learning_rate: 1e-3, checkpoint_seconds: 0.5, losses: {task: 1, logit: 1, token: 0.5}}
            evaluation: {rounds: 5}

            """);
        return file;
    }

    /// <summary>Times as a table has them, in which half of the model's is that of its layers.</summary>
    private static LatencyTable MadeUp(TransformerModel model)
    {
        using var timer = new ForwardTimer(model.Session, model.Description, 1, 16);
        var levels = Enum.GetValues<Sublayer>().SelectMany(s =>
        {
            var dense = s == Sublayer.Attention ? model.DenseHeads : model.DenseWidth;
            return LevelGrid.Of(s, dense).Select(l => new LatencyLevel(s, l, 0.05 + (0.95 * l / dense), 0));
        });
        return new(model, timer.Environment, [.. levels], 0.5, 0.5 + (model.Layers.Count * 2), 10);
    }

    /// <summary>Texts of random words; two of a topic's words are in each.</summary>
    private static TextDataset Write(string path, int rows, int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder("text\tlabel\n");
        for (var row = 0; row < rows; row++)
        {
            var topic = random.Next(4);
            var words = Enumerable.Range(0, 6 + random.Next(10)).Select(i => i < 3 ? Word((topic * 20) + random.Next(20)) : Word(80 + random.Next(100)));
            text.Append(CultureInfo.InvariantCulture, $"{string.Join(' ', words.OrderBy(_ => random.Next()))}\ttopic{topic}\n");
        }

        File.WriteAllText(path, text.ToString());
        return TextDatasetReader.Read(TextDatasetReader.Describe(path));
    }

    private static string Word(int number) => string.Concat("bcdfghklmnprstvz"[number % 16], "aeiou"[number % 5], "lmnrst"[number / 16 % 6], "aeiou"[number / 5 % 5], (char)('a' + (number % 26)));

    private sealed record Moment(string Stage, double Seconds);

    private sealed record Row(string stage, string stopped_in, double after_seconds, bool killed, double repeated_seconds);
}
