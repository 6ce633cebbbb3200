using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
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

    /// <summary>Published sizes of the other model families; LLaMA's is that of a small one.</summary>
    private static readonly string[] Families =
    [
        """{ "architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-5 }""",
        """{ "architectures": ["DistilBertForQuestionAnswering"], "model_type": "distilbert", "dim": 768, "n_layers": 6, "n_heads": 12, "hidden_dim": 3072, "vocab_size": 30522, "max_position_embeddings": 512 }""",
        """{ "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257, "n_positions": 1024 }""",
        """{ "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 576, "num_hidden_layers": 12, "num_attention_heads": 9, "num_key_value_heads": 3, "intermediate_size": 1536, "vocab_size": 49152, "max_position_embeddings": 2048, "tie_word_embeddings": true }""",
    ];

    public static int Run(string[] arguments)
    {
        var options = new Options(arguments);
        using var session = TorchSession.Connect(new() { Device = "cpu", Seed = 5 }, NullReporter.Instance);
        if (options.Has("compound"))
        {
            Console.WriteLine(JsonSerializer.Serialize(CompoundTable.Measure(session, options)));
            return 0;
        }

        var length = options.Int("length", 128);
        var rows = session.Run(() => Shapes.Select(s => Measure(session, s.Name, s.Layers, length, options.Int("rounds", 30))).ToArray());
        var families = session.Run(() => Families.Select(f => ModelFamilies.Describe(JsonNode.Parse(f)!.AsObject(), "benchmark"))
            .SelectMany(dense => new[] { Compare(session, dense, "dense", length), Compare(session, Uneven(dense), "uneven, dropped", length) }).ToArray());
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            max_logit_difference = Math.Max(rows.Max(r => r.max_logit_difference), families.Max(r => r.max_logit_difference)),
            onnxruntime = OnnxSession.Version,
            rows,
            families,
        }));
        return 0;
    }

    private static ModelDescription Uneven(ModelDescription dense) => dense with
    {
        Layers = [.. dense.Layers.Select(l => new LayerShape(l.Layer, l.Layer % 4 == 2 ? 0 : l.Heads - (l.Layer % 2), l.Layer % 5 == 3 ? 0 : l.Width >> (l.Layer % 3)))],
    };

    /// <summary>Logits of real tokens, padding beside them.</summary>
    private static FamilyRow Compare(TorchSession session, ModelDescription description, string layers, int length)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using var model = RandomModel.Create(description, session, CancellationToken.None);
        using var program = new OnnxProgram(OnnxModel.Whole(model, Precision.Float32, head: true), session.Threads);
        using var batch = Padded([7, length, length / 2]);
        var expected = model.Forward(batch, new() { Head = true }).Logits!;
        var actual = tensor(program.Run(batch), expected.shape);
        return new(description.Architecture, layers, (expected - actual)[batch.Mask].abs().max().item<float>(), expected[batch.Mask].abs().max().item<float>());
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

    private sealed record FamilyRow(string name, string layers, double max_logit_difference, double largest_logit);

    private sealed record Row(string name, double max_logit_difference, double torch_ms, double onnx_ms, double int8_ms, double torch_over_onnx, double onnx_over_int8);
}
