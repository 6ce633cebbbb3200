using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;
using static TorchSharp.torch;

namespace ZipLM.Benchmarks;

/// <summary>
/// Reading a checkpoint of BERT-base's shape (440 MB) into a model's parameters, checked for NaN, against
/// File.ReadAllBytes of the same file: in turns, on a warm cache, each in a process of its own, as a model is read.
/// </summary>
internal static class LoadBenchmark
{
    public static int Run(string[] arguments)
    {
        var options = new Options(arguments);
        NativeLibraries.EnsureLoaded();
        if (options.Text("once") is { } directory)
        {
            Console.WriteLine(JsonSerializer.Serialize(Once(directory, options.Has("plain"))));
            return 0;
        }

        var folder = Directory.CreateTempSubdirectory("ziplm-load-").FullName;
        try
        {
            Write(folder, Describe());
            Console.WriteLine(JsonSerializer.Serialize(Compare(folder, options.Int("rounds", 15))));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }

    private static object Compare(string folder, int rounds)
    {
        var file = Path.Combine(folder, Checkpoint.SingleFile);
        var bytes = new FileInfo(file).Length;
        // The first round warms the cache.
        var fresh = Enumerable.Range(0, rounds + 1).Select(_ => (Plain: InNewProcess(folder, plain: true), Own: InNewProcess(folder, plain: false))).Skip(1).ToArray();
        // The garbage collector gives the plain read the array of the round before, whose memory has been touched: a model is not read into such.
        var again = Enumerable.Range(0, rounds + 1).Select(_ => (Plain: Seconds(() => GC.KeepAlive(File.ReadAllBytes(file))), Own: Seconds(() => Free(Read(folder))))).Skip(1).ToArray();
        double[] shares = [.. fresh.Select(t => t.Plain.Milliseconds / t.Own.Milliseconds).Order()];
        return new
        {
            share_of_plain_read = Median(shares),
            lowest_share = shares[0],
            highest_share = shares[^1],
            peak_over_size = fresh.Max(t => t.Own.Peak) / (double)bytes,
            plain_ms = Median([.. fresh.Select(t => t.Plain.Milliseconds).Order()]),
            load_ms = Median([.. fresh.Select(t => t.Own.Milliseconds).Order()]),
            repeated_share = Median([.. again.Select(t => t.Plain / t.Own).Order()]),
            repeated_plain_ms = 1000 * Median([.. again.Select(t => t.Plain).Order()]),
            repeated_load_ms = 1000 * Median([.. again.Select(t => t.Own).Order()]),
            bytes,
            rounds,
        };
    }

    private static Dictionary<string, TorchSharp.Modules.Parameter> Read(string folder, bool tiny = false)
    {
        var description = Describe(tiny);
        using var checkpoint = new CheckpointWeights(folder, description.Family.CanonicalName);
        var tensors = description.Family.Layout(description).ToList();
        checkpoint.Check(tensors);
        return checkpoint.Read(tensors, CPU, ScalarType.Float32, CancellationToken.None);
    }

    private static void Free(Dictionary<string, TorchSharp.Modules.Parameter> weights)
    {
        foreach (var weight in weights.Values)
        {
            weight.Dispose();
        }
    }

    private static void Write(string folder, ModelDescription description)
    {
        using var scope = NewDisposeScope();
        CheckpointWriter.Write(folder, [.. description.Family.Layout(description).Select(t => (t.Name, randn(t.Shape)))], CancellationToken.None);
    }

    private static ModelDescription Describe(bool tiny = false)
    {
        var size = ModelSize.Published["base"];
        return ModelFamilies.Describe(tiny
            ? Bert.NewConfig(8, 1, 1, 8, 8, 8, ["a", "b"])
            : Bert.NewConfig(size.HiddenSize, size.Layers, size.Heads, size.Width, 30522, size.MaximumSequenceLength, ["a", "b"]), "bert-base");
    }

    /// <summary>One read in a process that has read nothing before; the code is compiled beforehand, by a model of a few bytes.</summary>
    private static Reading Once(string folder, bool plain)
    {
        var small = Directory.CreateTempSubdirectory("ziplm-load-").FullName;
        Write(small, Describe(tiny: true));
        Read(small, tiny: true);
        File.ReadAllBytes(Path.Combine(small, Checkpoint.SingleFile));
        Directory.Delete(small, recursive: true);
        var before = Status("VmRSS");
        var seconds = Seconds(() =>
        {
            if (plain)
            {
                GC.KeepAlive(File.ReadAllBytes(Path.Combine(folder, Checkpoint.SingleFile)));
            }
            else
            {
                GC.KeepAlive(Read(folder));
            }
        });
        return new(seconds * 1000, Status("VmHWM") - before);
    }

    /// <summary>A figure of this process in bytes.</summary>
    private static long Status(string key) => 1024 * long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith(key, StringComparison.Ordinal)).Split((char[])[' ', '\t', ':'], StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);

    private static Reading InNewProcess(string folder, bool plain) => OwnProcess.Result<Reading>("load", "--once", folder, plain ? "--plain" : "--own");

    private static double Median(double[] ordered) => ordered[ordered.Length / 2];

    private static double Seconds(Action work)
    {
        // The array of the round before would otherwise be collected within this one.
        GC.Collect();
        var start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private sealed record Reading(double Milliseconds, long Peak);
}
