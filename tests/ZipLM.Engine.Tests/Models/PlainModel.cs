using System.Text.Json.Nodes;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Models;

/// <summary>
/// The model families as their papers and Hugging Face's published files have them, in loops over plain numbers, one text
/// at a time and so without padding. It reads a model's directory by itself: names and layout are the published ones.
/// Heads and widths are counted from the matrices, a missing matrix is a dropped sublayer.
/// </summary>
internal sealed class PlainModel
{
    private readonly Dictionary<string, (long[] Shape, double[] Values)> _weights = [];
    private readonly HashSet<string> _used = [];
    private readonly JsonObject _config;
    private readonly string _type;
    private readonly double _epsilon;
    private readonly int _heads;
    private readonly int _hidden;

    public PlainModel(string directory)
    {
        _config = JsonNode.Parse(File.ReadAllText(Path.Combine(directory, "config.json")))!.AsObject();
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var checkpoint = Checkpoint.Open(directory);
        foreach (var name in checkpoint.Names)
        {
            _weights.Add(name, (checkpoint.Shape(name), TinyBert.Values(checkpoint.Read(name, CancellationToken.None))));
        }

        _type = _config["model_type"]!.GetValue<string>();
        _epsilon = Number("layer_norm_eps", Number("layer_norm_epsilon", Number("rms_norm_eps", 1e-12)));
        _heads = (int)Number("num_attention_heads", Number("n_heads", Number("n_head", 0)));
        _hidden = (int)Number("hidden_size", Number("dim", Number("n_embd", 0)));
    }

    /// <summary>Names in the files that no forward pass asked for.</summary>
    public IEnumerable<string> Unused => _weights.Keys.Except(_used);

    /// <summary>The output of each block, the last hidden states, and the logits: one row a text, or one a token.</summary>
    public (List<double[][]> Blocks, double[][] Last, double[][] Logits) Forward(int[] ids, int[] types) => _type switch
    {
        "bert" => Encoder(ids, types, "bert", 0),
        "roberta" or "xlm-roberta" => Encoder(ids, new int[ids.Length], "roberta", (int)Number("pad_token_id", 1) + 1),
        "distilbert" => Distil(ids),
        "gpt2" => Gpt2(ids),
        _ => Llama(ids),
    };

    private (List<double[][]>, double[][], double[][]) Encoder(int[] ids, int[] types, string prefix, int firstPosition)
    {
        var x = ids.Select((id, t) => LayerNorm(
            Add(Add(Row($"{prefix}.embeddings.word_embeddings", id), Row($"{prefix}.embeddings.position_embeddings", t + firstPosition)),
                Row($"{prefix}.embeddings.token_type_embeddings", types[t])), $"{prefix}.embeddings.LayerNorm")).ToArray();
        var blocks = new List<double[][]>();
        for (var layer = 0; layer < (int)Number("num_hidden_layers", 0); layer++)
        {
            var name = $"{prefix}.encoder.layer.{layer}";
            x = PostNorm(x, Attend(x, $"{name}.attention.self.query", $"{name}.attention.self.key", $"{name}.attention.self.value", $"{name}.attention.output.dense"), $"{name}.attention.output.LayerNorm");
            x = PostNorm(x, FeedForward(x, $"{name}.intermediate.dense", $"{name}.output.dense"), $"{name}.output.LayerNorm");
            blocks.Add(x);
        }

        var logits = Architecture switch
        {
            var a when a.EndsWith("SequenceClassification", StringComparison.Ordinal) => prefix == "bert"
                ? [Dense([.. Dense(x[0], "bert.pooler.dense").Select(Math.Tanh)], "classifier")]
                : [Dense([.. Dense(x[0], "classifier.dense").Select(Math.Tanh)], "classifier.out_proj")],
            var a when a.EndsWith("QuestionAnswering", StringComparison.Ordinal) => Each(x, row => Dense(row, "qa_outputs")),
            var a when a.EndsWith("MaskedLM", StringComparison.Ordinal) => prefix == "bert"
                ? Each(x, row => Add(
                    Scores(LayerNorm([.. Dense(row, "cls.predictions.transform.dense").Select(Gelu)], "cls.predictions.transform.LayerNorm"), "bert.embeddings.word_embeddings"),
                    Weight("cls.predictions.bias")))
                : Each(x, row => Add(
                    Scores(LayerNorm([.. Dense(row, "lm_head.dense").Select(Gelu)], "lm_head.layer_norm"), "roberta.embeddings.word_embeddings"),
                    Weight("lm_head.bias"))),
            _ => Array.Empty<double[]>(),
        };
        return (blocks, x, logits);
    }

    private (List<double[][]>, double[][], double[][]) Distil(int[] ids)
    {
        var x = ids.Select((id, t) => LayerNorm(
            Add(Row("distilbert.embeddings.word_embeddings", id), Row("distilbert.embeddings.position_embeddings", t)), "distilbert.embeddings.LayerNorm")).ToArray();
        var blocks = new List<double[][]>();
        for (var layer = 0; layer < (int)Number("n_layers", 0); layer++)
        {
            var name = $"distilbert.transformer.layer.{layer}";
            x = PostNorm(x, Attend(x, $"{name}.attention.q_lin", $"{name}.attention.k_lin", $"{name}.attention.v_lin", $"{name}.attention.out_lin"), $"{name}.sa_layer_norm");
            x = PostNorm(x, FeedForward(x, $"{name}.ffn.lin1", $"{name}.ffn.lin2"), $"{name}.output_layer_norm");
            blocks.Add(x);
        }

        var logits = Architecture switch
        {
            "DistilBertForSequenceClassification" => [Dense([.. Dense(x[0], "pre_classifier").Select(v => Math.Max(v, 0))], "classifier")],
            "DistilBertForQuestionAnswering" => Each(x, row => Dense(row, "qa_outputs")),
            "DistilBertForMaskedLM" => Each(x, row => Add(
                Scores(LayerNorm([.. Dense(row, "vocab_transform").Select(Gelu)], "vocab_layer_norm"), "distilbert.embeddings.word_embeddings"), Weight("vocab_projector.bias"))),
            _ => Array.Empty<double[]>(),
        };
        return (blocks, x, logits);
    }

    private (List<double[][]>, double[][], double[][]) Gpt2(int[] ids)
    {
        var x = ids.Select((id, t) => Add(Row("transformer.wte", id), Row("transformer.wpe", t))).ToArray();
        var blocks = new List<double[][]>();
        for (var layer = 0; layer < (int)Number("n_layer", 0); layer++)
        {
            var name = $"transformer.h.{layer}";
            if (Has($"{name}.attn.c_attn.weight"))
            {
                // One row holds query, key and value beside each other.
                var mixed = Each(Each(x, row => LayerNorm(row, $"{name}.ln_1")), row => Transposed(row, $"{name}.attn.c_attn"));
                var third = mixed[0].Length / 3;
                var context = Context(Each(mixed, r => r[..third]), Each(mixed, r => r[third..(2 * third)]), Each(mixed, r => r[(2 * third)..]), _hidden / _heads, causal: true);
                x = [.. x.Zip(context, (row, c) => Add(row, Transposed(c, $"{name}.attn.c_proj")))];
            }

            if (Has($"{name}.mlp.c_fc.weight"))
            {
                x = Each(x, row => Add(row, Transposed([.. Transposed(LayerNorm(row, $"{name}.ln_2"), $"{name}.mlp.c_fc").Select(GeluNew)], $"{name}.mlp.c_proj")));
            }

            blocks.Add(x);
        }

        var last = Each(x, row => LayerNorm(row, "transformer.ln_f"));
        return (blocks, last, Architecture switch
        {
            "GPT2LMHeadModel" => Each(last, row => Scores(row, Tied(true) ? "transformer.wte" : "lm_head")),
            "GPT2ForSequenceClassification" => [Scores(last[^1], "score")],
            "GPT2ForQuestionAnswering" => Each(last, row => Dense(row, "qa_outputs")),
            _ => [],
        });
    }

    private (List<double[][]>, double[][], double[][]) Llama(int[] ids)
    {
        var x = ids.Select(id => Row("model.embed_tokens", id)).ToArray();
        var headSize = (int)Number("head_dim", _hidden / _heads);
        var blocks = new List<double[][]>();
        for (var layer = 0; layer < (int)Number("num_hidden_layers", 0); layer++)
        {
            var name = $"model.layers.{layer}";
            if (Has($"{name}.self_attn.q_proj.weight"))
            {
                var input = Each(x, row => RmsNorm(row, $"{name}.input_layernorm"));
                var queries = input.Select((row, t) => Rotate(Dense(row, $"{name}.self_attn.q_proj"), t, headSize)).ToArray();
                var keys = input.Select((row, t) => Rotate(Dense(row, $"{name}.self_attn.k_proj"), t, headSize)).ToArray();
                var context = Context(queries, keys, Each(input, row => Dense(row, $"{name}.self_attn.v_proj")), headSize, causal: true);
                x = [.. x.Zip(context, (row, c) => Add(row, Dense(c, $"{name}.self_attn.o_proj")))];
            }

            if (Has($"{name}.mlp.up_proj.weight"))
            {
                x = Each(x, row =>
                {
                    var input = RmsNorm(row, $"{name}.post_attention_layernorm");
                    var gate = Dense(input, $"{name}.mlp.gate_proj").Select(v => v / (1 + Math.Exp(-v)));
                    return Add(row, Dense([.. gate.Zip(Dense(input, $"{name}.mlp.up_proj"), (g, u) => g * u)], $"{name}.mlp.down_proj"));
                });
            }

            blocks.Add(x);
        }

        var last = Each(x, row => RmsNorm(row, "model.norm"));
        return (blocks, last, Architecture switch
        {
            "LlamaForCausalLM" => Each(last, row => Scores(row, Tied(false) ? "model.embed_tokens" : "lm_head")),
            "LlamaForSequenceClassification" => [Scores(last[^1], "score")],
            _ => [],
        });
    }

    private string Architecture => _config["architectures"]![0]!.GetValue<string>();

    private bool Tied(bool missing) => _config["tie_word_embeddings"]?.GetValue<bool>() ?? missing;

    private double Number(string key, double missing) => _config[key]?.GetValue<double>() ?? missing;

    private bool Has(string name) => _weights.ContainsKey(name);

    private double[] Weight(string name)
    {
        _used.Add(name);
        return _weights[name].Values;
    }

    private double[] Row(string table, int index)
    {
        var width = (int)_weights[$"{table}.weight"].Shape[1];
        return Weight($"{table}.weight")[(index * width)..((index + 1) * width)];
    }

    private double[][]? Attend(double[][] x, string query, string key, string value, string output) => !Has($"{output}.weight") ? null
        : Each(Context(Each(x, r => Dense(r, query)), Each(x, r => Dense(r, key)), Each(x, r => Dense(r, value)), _hidden / _heads, causal: false), r => Dense(r, output));

    private double[][]? FeedForward(double[][] x, string up, string down) => !Has($"{down}.weight") ? null
        : Each(x, row => Dense([.. Dense(row, up).Select(Gelu)], down));

    private double[][] PostNorm(double[][] x, double[][]? y, string norm) =>
        [.. x.Select((row, t) => LayerNorm(y is null ? row : Add(row, y[t]), norm))];

    /// <summary>Query head h belongs to the key and value h ÷ (query heads ÷ keys).</summary>
    private static double[][] Context(double[][] queries, double[][] keys, double[][] values, int headSize, bool causal)
    {
        var shared = queries[0].Length / keys[0].Length;
        var context = queries.Select(q => new double[q.Length]).ToArray();
        for (var head = 0; head < queries[0].Length / headSize; head++)
        {
            var (own, other) = (head * headSize, head / shared * headSize);
            for (var t = 0; t < queries.Length; t++)
            {
                var seen = causal ? t + 1 : queries.Length;
                var scores = new double[seen];
                for (var s = 0; s < seen; s++)
                {
                    for (var i = 0; i < headSize; i++)
                    {
                        scores[s] += queries[t][own + i] * keys[s][other + i] / Math.Sqrt(headSize);
                    }
                }

                var exponentials = scores.Select(s => Math.Exp(s - scores.Max())).ToArray();
                for (var s = 0; s < seen; s++)
                {
                    for (var i = 0; i < headSize; i++)
                    {
                        context[t][own + i] += exponentials[s] / exponentials.Sum() * values[s][other + i];
                    }
                }
            }
        }

        return context;
    }

    /// <summary>Coordinates i and i + d/2 of a head are the real and imaginary part of a number that is turned by position · θ^(−2i/d).</summary>
    private double[] Rotate(double[] row, int position, int headSize)
    {
        var turned = new double[row.Length];
        for (var head = 0; head < row.Length; head += headSize)
        {
            for (var i = 0; i < headSize / 2; i++)
            {
                var angle = position * Frequency(i, headSize);
                var (re, im) = (row[head + i], row[head + i + (headSize / 2)]);
                turned[head + i] = (re * Math.Cos(angle)) - (im * Math.Sin(angle));
                turned[head + i + (headSize / 2)] = (im * Math.Cos(angle)) + (re * Math.Sin(angle));
            }
        }

        return turned;
    }

    /// <summary>With Llama 3.1's stretching by wavelength where the config asks for it.</summary>
    private double Frequency(int pair, int headSize)
    {
        var frequency = 1 / Math.Pow(Number("rope_theta", 10000), 2.0 * pair / headSize);
        if (_config["rope_scaling"] is not JsonObject scaling)
        {
            return frequency;
        }

        double Of(string key) => scaling[key]!.GetValue<double>();
        var wave = 2 * Math.PI / frequency;
        var (context, low, high) = (Of("original_max_position_embeddings"), Of("low_freq_factor"), Of("high_freq_factor"));
        if (wave > context / low)
        {
            return frequency / Of("factor");
        }

        if (wave < context / high)
        {
            return frequency;
        }

        var smooth = ((context / wave) - low) / (high - low);
        return ((1 - smooth) * frequency / Of("factor")) + (smooth * frequency);
    }

    /// <summary>Weights as [outputs, inputs].</summary>
    private double[] Dense(double[] x, string name)
    {
        var y = Scores(x, name);
        return Has($"{name}.bias") ? Add(y, Weight($"{name}.bias")) : y;
    }

    private double[] Scores(double[] x, string name)
    {
        var weight = Weight($"{name}.weight");
        Xunit.Assert.Equal(x.Length, (int)_weights[$"{name}.weight"].Shape[1]);
        return [.. Enumerable.Range(0, weight.Length / x.Length).Select(o => Enumerable.Range(0, x.Length).Sum(i => weight[(o * x.Length) + i] * x[i]))];
    }

    /// <summary>Weights as [inputs, outputs], as GPT-2 has them.</summary>
    private double[] Transposed(double[] x, string name)
    {
        var (weight, bias) = (Weight($"{name}.weight"), Weight($"{name}.bias"));
        Xunit.Assert.Equal(x.Length, (int)_weights[$"{name}.weight"].Shape[0]);
        return [.. bias.Select((b, o) => b + Enumerable.Range(0, x.Length).Sum(i => weight[(i * bias.Length) + o] * x[i]))];
    }

    private double[] LayerNorm(double[] x, string name)
    {
        var (weight, bias) = (Weight($"{name}.weight"), Weight($"{name}.bias"));
        var mean = x.Average();
        var variance = x.Average(v => (v - mean) * (v - mean));
        return [.. x.Select((v, i) => ((v - mean) / Math.Sqrt(variance + _epsilon) * weight[i]) + bias[i])];
    }

    private double[] RmsNorm(double[] x, string name)
    {
        var weight = Weight($"{name}.weight");
        var scale = 1 / Math.Sqrt(x.Average(v => v * v) + _epsilon);
        return [.. x.Select((v, i) => v * scale * weight[i])];
    }

    private static double[][] Each(double[][] x, Func<double[], double[]> f) => [.. x.Select(f)];

    private static double[] Add(double[] x, double[] y) => [.. x.Zip(y, (a, b) => a + b)];

    private static double Gelu(double x) => x / 2 * (1 + PlainBert.Erf(x / Math.Sqrt(2)));

    private static double GeluNew(double x) => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));
}
