using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ZipLM.Engine.Recipes;
using ZipLM.Engine.Runtime;

namespace ZipLM.Benchmarks;

/// <summary>
/// A family of six from the quickstart's teacher, gradual with distillation, against members of the same targets that are
/// pruned in one shot. Both are recipes, so a run that was stopped goes on when <c>--directory</c> names it again.
/// Time is measured on one thread unless <c>--threads</c> says otherwise: on two a forward pass of a model as small as this has
/// two speeds on a virtual machine.
/// </summary>
internal static class FamilyBenchmark
{
    public static int Run(string[] arguments)
    {
        var options = new Options(arguments);
        var targets = (options.Text("targets") ?? "1.5,2,2.5,3,3.5,4").Split(',').Select(t => double.Parse(t, CultureInfo.InvariantCulture)).ToList();
        var directory = options.Text("directory") ?? Directory.CreateTempSubdirectory("ziplm-family-").FullName;
        Directory.CreateDirectory(directory);
        using var session = TorchSession.Connect(new() { Device = "cpu" }, NullReporter.Instance);
        var teacher = QuickstartTeacher.Open(session);
        var dev = Dev(teacher.Dev.Reference!.Path, directory, options.Int("dev-rows", int.MaxValue));
        var gradual = Compress("gradual", "Gradual", "distillation: {epochs: EPOCHS, batch_size: 64, learning_rate: 1e-3, maximum_length: 64}");
        var oneShot = Compress("one-shot", "OneShot", "");
        var rows = gradual.Members.Zip(oneShot.Members, (g, o) => new
        {
            target = g.Target,
            quality = g.Quality,
            one_shot_quality = o.Quality,
            verified_speedup = Math.Round(Verified(g.Target), 3),
            verified_over_target = Math.Round(Verified(g.Target) / g.Target, 3),
            speedup = Math.Round(g.Speedup, 3),
            speedup_spread = Math.Round(g.SpeedupSpread, 4),
            speedup_over_target = Math.Round(g.Speedup / g.Target, 3),
            one_shot_speedup = Math.Round(o.Speedup, 3),
            parameters = g.Parameters,
            size_mb = g.SizeMB,
        }).ToList();
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            worst_quality_gain = rows.Min(r => r.quality - r.one_shot_quality),
            lowest_verified_over_target = rows.Min(r => r.verified_over_target),
            highest_verified_over_target = rows.Max(r => r.verified_over_target),
            lowest_speedup_over_target = rows.Min(r => r.speedup_over_target),
            highest_speedup_over_target = rows.Max(r => r.speedup_over_target),
            dense_quality = gradual.DenseQuality,
            intercept = gradual.Intercept,
            slope = gradual.Slope,
            residual = gradual.Residual,
            seconds = Math.Round(RunReader.Read(gradual.Run).Sum(s => s.Duration!.Value.TotalSeconds), 1),
            rows,
        }));
        return 0;

        // As the pruning of the gradual run measured it, before the member was distilled; its speedup is measured again after.
        double Verified(double target)
        {
            var stage = Directory.GetDirectories(gradual.Run, string.Create(CultureInfo.InvariantCulture, $"*-prune-{target}x")).Single();
            return (double)JsonNode.Parse(File.ReadAllText(Path.Combine(stage, "measurements.json")))!["measured"]!["ratio"]!;
        }

        CompressionSummary Compress(string name, string schedule, string distillation)
        {
            var file = Path.Combine(directory, $"{name}.yaml");
            File.WriteAllText(file, $$"""
                schema: 1
                name: {{name}}
                model: {{teacher.Model.Path}}
                data: {train: {{teacher.Train.Reference!.Path}}, validation: {{dev}}}
                environment: {device: cpu, batch_size: 1, measured_threads: {{options.Int("threads", 1)}}}
                schedule: {{schedule}}
                targets: [{{string.Join(", ", targets.Select(t => t.ToString(CultureInfo.InvariantCulture)))}}]
                {{distillation.Replace("EPOCHS", options.Text("epochs") ?? "1", StringComparison.Ordinal)}}

                """);
            return RecipeFlow.Run(RecipeFile.Read(file), Path.Combine(directory, name), session, directory, m => m.Dispose(), new ConsoleReporter(), CancellationToken.None);
        }
    }

    /// <summary>Some of the held-out texts, evenly spaced: they stand in an order.</summary>
    private static string Dev(string path, string directory, int rows)
    {
        var all = File.ReadAllLines(path);
        if (rows >= all.Length - 1)
        {
            return path;
        }

        var shorter = Path.Combine(directory, "dev.tsv");
        File.WriteAllLines(shorter, Enumerable.Range(0, rows).Select(i => all[1 + (int)((long)i * (all.Length - 1) / rows)]).Prepend(all[0]));
        return shorter;
    }

    /// <summary>Says on standard error how far the run is.</summary>
    private sealed class ConsoleReporter : IReporter
    {
        public void Verbose(string message)
        {
        }

        public void Debug(string message)
        {
        }

        public void Warning(string message) => Console.Error.WriteLine(message);

        public void Milestone(object message)
        {
            if (message is string text)
            {
                Console.Error.WriteLine(text);
            }
        }

        public void Progress(ProgressUpdate update)
        {
        }
    }
}
