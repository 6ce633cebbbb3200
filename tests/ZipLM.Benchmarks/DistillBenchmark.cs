using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using TorchSharp;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Benchmarks;

/// <summary>
/// Token distillation on the quickstart's teacher and data: its speed against a plain loop and against the bare student,
/// whether memory stays flat, and whether a run that was killed ends with the same weights.
/// </summary>
internal static class DistillBenchmark
{
    private const int BatchSize = 64;
    private const int Length = 64;

    /// <summary>Heads and widths that the quickstart's teacher is left with at about three times its speed.</summary>
    private static readonly (int Heads, int Width)[] Shapes = [(0, 56), (0, 69), (2, 56), (1, 22)];

    private static readonly LossWeights Weights = new(0.5, 0.5, 0.01);

    public static int Run(string[] arguments)
    {
        var options = new Options(arguments);
        if (options.Text("child") is { } directory)
        {
            return DistillRun.Child(options, directory);
        }

        using var session = Connect(options);
        var only = options.Text("only");
        var result = new Dictionary<string, object>(StringComparer.Ordinal);
        if (only is null or "speed")
        {
            Add(session.Run(() => Speed(Open(session), options)));
        }

        if (only is null or "memory")
        {
            Add(session.Run(() => Memory(Open(session), options)));
        }

        if (only is null or "resume")
        {
            Add(DistillRun.Resume(options));
        }

        Console.WriteLine(JsonSerializer.Serialize(result));
        return 0;

        void Add(IReadOnlyDictionary<string, object> figures)
        {
            foreach (var (name, value) in figures)
            {
                result.Add(name, value);
            }
        }
    }

    internal static TorchSession Connect(Options options) =>
        TorchSession.Connect(new() { Device = "cpu", Seed = 1, Threads = options.Int("threads", 0) }, NullReporter.Instance);

    /// <summary>The teacher, its data, and a student of fewer heads and columns; its weights are random, which no time depends on.</summary>
    internal static (TransformerModel Teacher, TransformerModel Student, EncodedDataset Data, TextDataset Texts) Open(TorchSession session, int rows = int.MaxValue)
    {
        var quickstart = QuickstartTeacher.Open(session);
        var teacher = TransformerModel.Of(quickstart.Model);
        var description = teacher.Description with { Layers = [.. Shapes.Select((s, i) => new LayerShape(i, s.Heads, s.Width))] };
        var student = session.Run(() => TransformerModel.FromWeights(
            session, "student", description, new(), RandomModel.Create(description, session, CancellationToken.None), teacher.Tokenizer));
        var all = quickstart.Train;
        var texts = new TextDataset(all.Name, [.. all.Examples.Take(rows)], all.Labels);
        return (teacher, student, student.Encode(LabelAlignment.Align(texts, student.Task, student.Labels), Length, CancellationToken.None), texts);
    }

    private static Dictionary<string, object> Speed((TransformerModel Teacher, TransformerModel Student, EncodedDataset Data, TextDataset Texts) given, Options options)
    {
        var (rounds, steps) = (options.Int("rounds", 9), options.Int("steps", 60));
        var none = CancellationToken.None;
        var (teacher, student) = (given.Teacher.Weights(null, none), given.Student.Weights(null, none));
        var asked = Setup(0);
        var cached = Setup(long.MaxValue);
        using var askedTeaching = TeachingSetup.Prepare(student, given.Student, given.Teacher, given.Data, asked, 1, null, Hashes(), NullReporter.Instance, none);
        using var cachedTeaching = TeachingSetup.Prepare(student, given.Student, given.Teacher, given.Data, cached, 1, null, Hashes(), NullReporter.Instance, none);
        var sides = new (string Name, Func<int, double> TokensPerSecond)[]
        {
            ("plain", round => Plain(student, teacher, given.Data, round, steps)),
            ("asked", round => Own(student, askedTeaching, given.Data, round, steps)),
            ("cached", round => Own(student, cachedTeaching, given.Data, round, steps)),
            ("bare", round => Bare(student, given.Data, round, steps)),
        };
        foreach (var (_, side) in sides)
        {
            side(0);
        }

        // Both ways through the sides, so that a drift of the machine's speed favours none.
        var rows = Enumerable.Range(1, rounds).Select(round =>
            (round % 2 == 0 ? sides : [.. sides.Reverse()]).ToDictionary(s => s.Name, s => s.TokensPerSecond(round), StringComparer.Ordinal)).ToList();
        return new(StringComparer.Ordinal)
        {
            ["ratio_to_plain"] = Median("asked", "plain"),
            ["ratio_to_plain_cached"] = Median("cached", "plain"),
            ["share_of_bare_student"] = Median("cached", "bare"),
            ["share_of_bare_student_asked"] = Median("asked", "bare"),
            ["share_of_bare_spread"] = Spread("cached", "bare"),
            ["ratio_to_plain_spread"] = Spread("asked", "plain"),
            ["padding"] = Padding(given.Data),
            ["rows"] = rows.Select(r => r.ToDictionary(p => p.Key + "_tokens_per_second", p => Math.Round(p.Value))),
        };

        TrainingOptions Setup(long limit) => new() { BatchSize = BatchSize, Epochs = 2, Weights = Weights, CacheLimit = limit, MaximumLength = Length };

        TrainingHashes Hashes() => new(given.Student, given.Teacher, given.Data, null, NullReporter.Instance, none);

        double Median(string one, string other) => rows.Select(r => r[one] / r[other]).Order().ElementAt(rounds / 2);

        // Half of the range that the middle half of the rounds takes, as a share.
        double Spread(string one, string other)
        {
            var ratios = rows.Select(r => r[one] / r[other]).Order().ToList();
            return (ratios[rounds * 3 / 4] - ratios[rounds / 4]) / 2 / ratios[rounds / 2];
        }
    }

    /// <summary>As it would be written down: batches as they come, each padded to its longest, the teacher asked in every step, torch's clipping and AdamW.</summary>
    private static double Plain(Transformer start, Transformer teacher, EncodedDataset data, int round, int steps)
    {
        using var student = start.Copy();
        student.RequireGradients(true);
        var parameters = student.Parameters.Select(p => p.Parameter).ToList();
        using var optimizer = optim.AdamW(parameters, 1e-4);
        var rows = Enumerable.Range(0, data.Examples.Count).ToArray();
        new Random(round).Shuffle(rows);
        var tokens = 0L;
        var clock = Stopwatch.GetTimestamp();
        foreach (var chunk in rows.Chunk(BatchSize).Take(steps))
        {
            using var scope = NewDisposeScope();
            using var batch = new Batch(PaddedRows.From(data, chunk), CPU);
            optimizer.zero_grad();
            var output = student.Forward(batch, new() { Training = true, KeepHidden = true });
            ModelOutput answer;
            using (no_grad())
            {
                answer = teacher.Forward(batch, new() { KeepHidden = true });
            }

            var loss = (TaskLoss.Mean(output.Logits!, batch) * Weights.Task)
                + (DistillationLoss.Logit(output.Logits!, answer.Logits!, 2) * Weights.Logit)
                + (DistillationLoss.Token(output.Hidden, answer.Hidden, batch) * Weights.Token);
            loss.backward();
            nn.utils.clip_grad_norm_(parameters, 1);
            optimizer.step();
            _ = loss.item<float>();
            tokens += batch.TokenCount;
        }

        return tokens / Stopwatch.GetElapsedTime(clock).TotalSeconds;
    }

    /// <summary>The trainer, as the commands use it.</summary>
    private static double Own(Transformer start, Teaching teaching, EncodedDataset data, int round, int steps)
    {
        using var student = start.Copy();
        var options = new TrainingOptions
        {
            BatchSize = BatchSize, Weights = Weights, LearningRate = 1e-4, LogSteps = steps,
            Epochs = (double)steps / BatchFeed.StepsPerEpoch(data, BatchSize),
        };
        return new Trainer(options, round, NullReporter.Instance).Train(student, teaching, data, null, CancellationToken.None).Single().TokensPerSecond!.Value;
    }

    /// <summary>Forward and backward pass of the student alone, on the batches that the trainer gives it.</summary>
    private static double Bare(Transformer start, EncodedDataset data, int round, int steps)
    {
        using var student = start.Copy();
        student.RequireGradients(true);
        using var feed = new BatchFeed(data, ..steps, BatchSize, BatchSize, round, null, CPU);
        var tokens = 0L;
        var clock = Stopwatch.GetTimestamp();
        for (var step = 0; step < steps; step++)
        {
            using var scope = NewDisposeScope();
            using var part = feed.Take(CancellationToken.None).Single();
            TaskLoss.Mean(student.Forward(part.Batch, new() { Training = true }).Logits!, part.Batch).backward();
            foreach (var (_, parameter) in student.Parameters)
            {
                parameter.grad = null;
            }

            tokens += part.Batch.TokenCount;
        }

        return tokens / Stopwatch.GetElapsedTime(clock).TotalSeconds;
    }

    /// <summary>Share of the positions that are padding in an epoch.</summary>
    private static double Padding(EncodedDataset data)
    {
        var batches = BatchSampler.Shuffled(data.Lengths, BatchSize, 1, 0);
        return 1 - ((double)data.Lengths.Sum() / batches.Sum(b => b.Length * b.Max(r => data.Lengths[r])));
    }

    /// <summary>
    /// Memory after step 500, or half of fewer steps, and at the end: of the process, files left out, which holds what glibc has
    /// free between blocks as well, and what is allocated of it.
    /// </summary>
    private static Dictionary<string, object> Memory((TransformerModel Teacher, TransformerModel Student, EncodedDataset Data, TextDataset Texts) given, Options options)
    {
        var last = options.Int("memory-steps", 5000);
        var training = new TrainingOptions
        {
            BatchSize = BatchSize, Weights = Weights, LearningRate = 1e-4, MaximumLength = Length,
            Epochs = (double)last / BatchFeed.StepsPerEpoch(given.Data, BatchSize),
        };
        var first = Math.Min(500, last / 2);
        var marks = new Dictionary<int, (long Process, long Allocated)>();
        var reporter = new StepReporter(step =>
        {
            if (step == first || step == last)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                marks[step] = (OwnBytes(), NativeHeap.AllocatedBytes() + GC.GetTotalMemory(forceFullCollection: false));
            }
        });
        using var trained = TrainingFlow.Run(given.Student, given.Teacher, given.Texts, null, training, reporter, CancellationToken.None);
        return new(StringComparer.Ordinal)
        {
            ["memory_growth"] = ((double)marks[last].Process / marks[first].Process) - 1,
            ["allocated_growth"] = ((double)marks[last].Allocated / marks[first].Allocated) - 1,
            ["memory_bytes_first_step"] = marks[first].Process,
            ["memory_bytes_last_step"] = marks[last].Process,
            ["allocated_bytes_first_step"] = marks[first].Allocated,
            ["allocated_bytes_last_step"] = marks[last].Allocated,
            ["memory_first_step"] = first,
            ["memory_steps"] = last,
        };
    }

    private static long OwnBytes() => File.ReadLines("/proc/self/status")
        .Where(l => l.StartsWith("RssAnon:", StringComparison.Ordinal))
        .Select(l => 1024 * long.Parse(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Trim(), CultureInfo.InvariantCulture))
        .Single();
}
