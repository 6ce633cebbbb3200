using System.Diagnostics;
using System.Text.Json;
using TorchSharp;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Benchmarks;

/// <summary>
/// One-at-a-time removal: blocked against the plain loop and against the inverse of the same H, all in double precision.
/// </summary>
internal static class SurgeonBenchmark
{
    private const double Damping = 1e-2;

    public static int Run(string[] arguments)
    {
        var options = new Options(arguments);
        NativeLibraries.EnsureLoaded();
        set_num_threads(options.Int("threads", Environment.ProcessorCount));
        random.manual_seed(options.Int("seed", 1));
        var device = new Device(options.Text("device") ?? "cpu");
        var result = options.Has("sweep") ? Sweep(device)
            : options.Text("model") is { } model ? WholeModel(model, device)
            : Matrix(options.Int("rows", 768), options.Int("columns", 3072), options.Int("steps", 200), device);
        Console.WriteLine(JsonSerializer.Serialize(result));
        return 0;
    }

    private static object Matrix(int rows, int columns, int plainSteps, Device device)
    {
        using var scope = NewDisposeScope();
        var (w, h) = Problem(rows, columns, device);
        // In turns, so that a busy moment of the machine hits both.
        var rounds = Enumerable.Range(0, 3).Select(_ => (
            Inverse: Seconds(() =>
            {
                using var inner = NewDisposeScope();
                cholesky_inverse(linalg.cholesky(h));
            }, device),
            Blocked: Seconds(() => Blocked(w, h), device))).ToArray();
        var inverseSeconds = rounds.Min(round => round.Inverse);
        var blockedSeconds = rounds.Select(round => round.Blocked).Order().ElementAt(1);
        var (plainOrder, plainWeight, plainSeconds) = Plain(w, h, Math.Min(plainSteps, columns));

        // The same number of whole blocks, for the weights.
        using var removal = new ColumnRemoval(w, cholesky_inverse(linalg.cholesky(h)));
        while (removal.Order.Count < plainOrder.Count)
        {
            removal.RemoveBlock(CancellationToken.None);
        }

        var (_, plainAtBlock, _) = removal.Order.Count == plainOrder.Count ? ([], plainWeight, 0) : Plain(w, h, removal.Order.Count);
        var kept = tensor(Enumerable.Range(0, columns).Except(removal.Order).Select(i => (long)i).ToArray(), device: device);
        var same = plainOrder.Zip(removal.Order).Count(pair => pair.First == pair.Second) / (double)plainOrder.Count;
        var perStep = plainSeconds / plainOrder.Count;
        return new
        {
            rows,
            columns,
            plain_seconds = perStep * columns,
            plain_steps = plainOrder.Count,
            blocked_seconds = blockedSeconds,
            cholesky_inverse_seconds = inverseSeconds,
            ratio = perStep * columns / blockedSeconds,
            blocked_over_inverse = blockedSeconds / inverseSeconds,
            same_order = same,
            max_weight_difference = kept.numel() == 0 ? 0 : (removal.Weight - plainAtBlock.index_select(1, kept)).abs().max().item<double>(),
            peak_bytes = Process.GetCurrentProcess().PeakWorkingSet64,
        };
    }

    /// <summary>Time against columns, W with a quarter as many rows, and the exponent of the fitted power law.</summary>
    private static object Sweep(Device device)
    {
        int[] widths = [384, 768, 1536, 3072, 6144];
        var rows = widths.Select(columns =>
        {
            using var scope = NewDisposeScope();
            var (w, h) = Problem(columns / 4, columns, device);
            return new { columns, seconds = Enumerable.Range(0, columns > 3072 ? 1 : 3).Min(_ => Seconds(() => Blocked(w, h), device)) };
        }).ToArray();
        var (x, y) = (rows.Select(r => Math.Log(r.columns)).ToArray(), rows.Select(r => Math.Log(r.seconds)).ToArray());
        var (meanX, meanY) = (x.Average(), y.Average());
        var exponent = x.Zip(y).Sum(p => (p.First - meanX) * (p.Second - meanY)) / x.Sum(v => (v - meanX) * (v - meanX));
        return new { exponent, rows };
    }

    /// <summary>All sublayers of a model's dimensions, statistics given.</summary>
    private static object WholeModel(string model, Device device)
    {
        var (layers, hidden, heads) = model switch
        {
            "bert-base" => (12, 768, 12),
            "bert-large" => (24, 1024, 16),
            _ => throw new ArgumentException($"Unknown model '{model}': bert-base, bert-large."),
        };
        var (headSeconds, columnSeconds) = (0.0, 0.0);
        for (var layer = 0; layer < layers; layer++)
        {
            using var scope = NewDisposeScope();
            var (w, h) = Problem(hidden, hidden, device);
            headSeconds += Seconds(() => Surgeon.Remove(w, h, hidden / heads, Damping, "attention", NullReporter.Instance, CancellationToken.None), device);
            (w, h) = Problem(hidden, 4 * hidden, device);
            columnSeconds += Seconds(() => Surgeon.Remove(w, h, 1, Damping, "feed-forward", NullReporter.Instance, CancellationToken.None), device);
        }

        return new
        {
            model,
            seconds = headSeconds + columnSeconds,
            head_seconds = headSeconds,
            column_seconds = columnSeconds,
            peak_bytes = Process.GetCurrentProcess().PeakWorkingSet64,
        };
    }

    /// <summary>Correlated inputs that are zero about half of the time, as behind a feed-forward activation, with damping.</summary>
    private static (Tensor W, Tensor H) Problem(int rows, int columns, Device device)
    {
        using var scope = NewDisposeScope();
        var mix = randn(columns, columns, float32) / Math.Sqrt(columns);
        var x = (mix.matmul(randn(columns, 4 * columns, float32)) + (0.5 * randn(columns, 4 * columns, float32))).relu();
        var h = x.matmul(x.t()).to(float64) * (2.0 / (4 * columns));
        h += eye(columns, dtype: float64) * (h.diagonal().mean() * Damping);
        return (randn(rows, columns, float64).to(device).MoveToOuterDisposeScope(), h.to(device).MoveToOuterDisposeScope());
    }

    private static void Blocked(Tensor w, Tensor h)
    {
        using var scope = NewDisposeScope();
        ColumnRemoval.Run(w, cholesky_inverse(linalg.cholesky(h)), CancellationToken.None);
    }

    /// <summary>The published loop: rank-one updates of the full matrices in place.</summary>
    private static (List<int> Order, Tensor Weight, double Seconds) Plain(Tensor dense, Tensor h, int steps)
    {
        var (w, inverse) = (dense.clone(), cholesky_inverse(linalg.cholesky(h)));
        var order = new List<int>();
        var gone = zeros(w.shape[1], float64, w.device);
        var seconds = Seconds(() =>
        {
            for (var step = 0; step < steps; step++)
            {
                using var scope = NewDisposeScope();
                var j = ((w.square().sum(new long[] { 0 }) / inverse.diagonal()) + gone).argmin().item<long>();
                var row = inverse[j].clone();
                var scaled = row / row[j];
                w.sub_(outer(w.select(1, j).clone(), scaled));
                inverse.sub_(outer(row, scaled));
                // What is left of a removed row is rounding; a diagonal of 1 keeps its score finite, gone keeps it last.
                inverse[j, j] = 1;
                gone[j] = double.PositiveInfinity;
                order.Add((int)j);
            }
        }, w.device);
        return (order, w, seconds);
    }

    private static double Seconds(Action work, Device device)
    {
        var start = Stopwatch.GetTimestamp();
        work();
        if (device.type == DeviceType.CUDA)
        {
            cuda.synchronize(device);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
