using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;

namespace ZipLM.Benchmarks;

/// <summary>A short distillation in a process of its own, killed several times and once left alone.</summary>
internal static class DistillRun
{
    private const int Rows = 6000;

    /// <summary>Trains with a checkpoint in a directory and prints the hash of the final weights.</summary>
    public static int Child(Options options, string directory)
    {
        using var session = DistillBenchmark.Connect(options);
        var (teacher, student, _, texts) = DistillBenchmark.Open(session, Rows);
        var training = new TrainingOptions
        {
            BatchSize = 64, Epochs = 3, LearningRate = 1e-3, Weights = new(0.5, 0.5, 0.01), MaximumLength = 64,
            CheckpointPath = directory, CheckpointInterval = TimeSpan.FromMilliseconds(200),
        };
        var reporter = new StepReporter(step => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step {step}")));
        using var trained = TrainingFlow.Run(student, teacher, texts, null, training, reporter, CancellationToken.None);
        session.Run(() =>
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var (_, parameter) in TransformerModel.Of(trained).Weights(null, CancellationToken.None).Parameters)
            {
                using var values = parameter.detach();
                hash.AppendData(values.bytes);
            }

            Console.WriteLine("weights " + Convert.ToHexStringLower(hash.GetHashAndReset()));
            return true;
        });
        return 0;
    }

    public static Dictionary<string, object> Resume(Options options)
    {
        var folder = Directory.CreateTempSubdirectory("ziplm-resume-").FullName;
        try
        {
            var (whole, _) = Start(options, Path.Combine(folder, "whole"), int.MaxValue);
            var (kills, starts) = (0, new List<int>());
            string? resumed = null;
            // Killed after ever more steps of its own, until it is through.
            for (var steps = 20; resumed is null; steps += 15)
            {
                (resumed, var first) = Start(options, Path.Combine(folder, "killed"), steps);
                starts.Add(first);
                kills += resumed is null ? 1 : 0;
            }

            return new(StringComparer.Ordinal)
            {
                ["resume_identical"] = resumed == whole,
                ["resume_kills"] = kills,
                ["resume_started_after_steps"] = starts,
                ["resume_weights"] = whole!,
            };
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Starts a child and kills it (SIGKILL) after some of its steps.</summary>
    /// <returns>The hash of the final weights, null when it was killed before; and the step that it began after.</returns>
    private static (string? Weights, int First) Start(Options options, string directory, int killAfter)
    {
        using var process = OwnProcess.Start(readsOutput: true, "distill", "--child", directory, "--threads", options.Text("threads") ?? "0");
        var (first, seen, isKilled) = (-1, 0, false);
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith("weights ", StringComparison.Ordinal))
            {
                process.WaitForExit();
                return (line["weights ".Length..], first);
            }

            if (line.StartsWith("step ", StringComparison.Ordinal))
            {
                first = first < 0 ? int.Parse(line.AsSpan(5), CultureInfo.InvariantCulture) : first;
                if (++seen >= killAfter && !isKilled)
                {
                    isKilled = true;
                    process.Kill();
                }
            }
        }

        process.WaitForExit();
        if (!isKilled)
        {
            throw new InvalidOperationException($"The training ended by itself with {process.ExitCode} and without weights.");
        }

        return (null, first);
    }
}
