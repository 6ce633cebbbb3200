using System.Diagnostics;
using System.Text.Json;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Benchmarks;

/// <summary>Models of BERT-base's shape in ONNX Runtime and in torch: how far the logits differ, and times taken in turns.</summary>
internal static class OnnxBenchmark
{
    private static readonly (string Name, LayerShape[] Layers)[] Shapes =
    [
        ("dense", [.. Enumerable.Range(0, 12).Select(l => new LayerShape(l, 12, 3072))]),
        ("uneven", [.. Enumerable.Range(0, 12).Select(l => new LayerShape(l, 12 - l, 3072 >> (l % 5)))]),
        ("dropped", [.. Enumerable.Range(0, 12).Select(l => new LayerShape(l, l % 3 == 0 ? 0 : 3, l % 4 == 0 ? 0 : 300))]),
    ];

    public static int Run(string[] arguments)
    {
        var options = new Options(arguments);
        using var session = TorchSession.Connect(new() { Device = "cpu", Seed = 5 }, NullReporter.Instance);
        var rows = session.Run(() => Shapes.Select(s => Measure(session, s.Name, s.Layers, options.Int("length", 128), options.Int("rounds", 30))).ToArray());
        Console.WriteLine(JsonSerializer.Serialize(new { max_logit_difference = rows.Max(r => r.max_logit_difference), onnxruntime = OnnxSession.Version, rows }));
        return 0;
    }

    private static Row Measure(TorchSession session, string name, LayerShape[] layers, int length, int rounds)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        var size = ModelSize.Published["base"];
        var config = Bert.NewConfig(size.HiddenSize, size.Layers, size.Heads, size.Width, 30522, size.MaximumSequenceLength, ["a", "b", "c"]);
        var description = ModelFamilies.Describe(config, "bert-base") with { Layers = layers };
        using var model = RandomModel.Create(description, session, CancellationToken.None);
        using var single = new OnnxProgram(OnnxModel.Whole(model, Precision.Float32), session.Threads);
        using var integers = new OnnxProgram(OnnxModel.Whole(model, Precision.Int8), session.Threads);
        var difference = 0.0;
        foreach (var lengths in new int[][] { [length], [7, 128, 64, 1], [512, 300] })
        {
            using var batch = Padded(lengths);
            var expected = model.Forward(batch).Logits!.data<float>().ToArray();
            difference = Math.Max(difference, expected.Zip(single.Run(batch), (e, a) => Math.Abs(e - a)).Max());
        }

        using var one = Batch.Random(1, length, description.VocabularySize, 3, CPU);
        var inputs = OnnxProgram.Inputs(one);
        var times = new InterleavedTimer(() => { }).Measure(
        [
            () =>
            {
                using var inner = NewDisposeScope();
                model.Forward(one);
            },
            () => single.Run(inputs),
            () => integers.Run(inputs),
        ], Math.Max(rounds / 5, 3), rounds, CancellationToken.None);
        OnnxProgram.Free(inputs);
        var medians = times.Select(t => MedianInterval.Of(t).Median).ToArray();
        return new(name, difference, medians[0], medians[1], medians[2], Ratio(times[0], times[1]), Ratio(times[1], times[2]));
    }

    private static double Ratio(double[] slow, double[] fast) => MedianInterval.Of(slow.Zip(fast, (a, b) => a / b)).Median;

    /// <summary>Random words, as many as each row has; special tokens come on top where there is room.</summary>
    private static Batch Padded(int[] lengths)
    {
        var random = new Random(lengths[0]);
        var tokenizer = new BertTokenizer([.. BertSpecialTokens.All, .. Enumerable.Range(0, 1000).Select(i => $"w{i}")], new() { MaximumLength = 512 });
        var texts = lengths.Select(l => new TextExample(string.Join(' ', Enumerable.Range(0, l).Select(_ => $"w{random.Next(1000)}")), null, null));
        var data = EncodedDataset.Encode(new TextDataset("random", [.. texts], []), tokenizer, 512, CancellationToken.None);
        return new(PaddedRows.From(data, [.. Enumerable.Range(0, lengths.Length)]), CPU);
    }

    private sealed record Row(string name, double max_logit_difference, double torch_ms, double onnx_ms, double int8_ms, double torch_over_onnx, double onnx_over_int8);
}
