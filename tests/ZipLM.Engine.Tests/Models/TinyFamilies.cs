using System.Text.Json.Nodes;
using Xunit;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Tests.Models;

/// <summary>Tiny configs of every model family with every head: 16 hidden, 4 heads, width 24, 40 words, 32 positions.</summary>
internal static class TinyFamilies
{
    private const string BertDimensions = """
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24, "vocab_size": 40, "hidden_act": "gelu"
        """;

    private const string Bert = $$"""{ "model_type": "bert", {{BertDimensions}}, "max_position_embeddings": 32, "type_vocab_size": 2, "layer_norm_eps": 1e-12 }""";

    private const string Roberta = $$"""{ "model_type": "roberta", {{BertDimensions}}, "max_position_embeddings": 34, "type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-5 }""";

    private const string DistilBert = """
        { "model_type": "distilbert", "dim": 16, "n_layers": 2, "n_heads": 4, "hidden_dim": 24, "vocab_size": 40, "max_position_embeddings": 32, "activation": "gelu" }
        """;

    private const string Gpt2 = """
        { "model_type": "gpt2", "n_embd": 16, "n_layer": 2, "n_head": 4, "n_inner": 24, "vocab_size": 40, "n_positions": 32, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5 }
        """;

    private const string Llama = """
        {
          "model_type": "llama", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24,
          "vocab_size": 40, "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "rope_theta": 100.0, "hidden_act": "silu", "tie_word_embeddings": true
        }
        """;

    private static readonly Dictionary<string, JsonObject> Configs = new()
    {
        ["bert classification"] = Config(Bert, "BertForSequenceClassification", Labels(3)),
        ["bert regression"] = Config(Bert, "BertForSequenceClassification", Labels(1)),
        ["bert spans"] = Config(Bert, "BertForQuestionAnswering"),
        ["bert masked"] = Config(Bert, "BertForMaskedLM"),
        ["bert bare"] = Config(Bert, "BertModel"),
        ["roberta classification"] = Config(Roberta, "RobertaForSequenceClassification", Labels(3)),
        ["roberta masked"] = Config(Roberta, "RobertaForMaskedLM"),
        ["xlm-r classification"] = Config(Roberta, "XLMRobertaForSequenceClassification", c => { c["model_type"] = "xlm-roberta"; Labels(2)(c); }),
        ["xlm-r spans"] = Config(Roberta, "XLMRobertaForQuestionAnswering", c => c["model_type"] = "xlm-roberta"),
        ["distilbert classification"] = Config(DistilBert, "DistilBertForSequenceClassification", Labels(3)),
        ["distilbert spans"] = Config(DistilBert, "DistilBertForQuestionAnswering"),
        ["distilbert masked"] = Config(DistilBert, "DistilBertForMaskedLM"),
        ["gpt2 causal"] = Config(Gpt2, "GPT2LMHeadModel"),
        ["gpt2 causal untied"] = Config(Gpt2, "GPT2LMHeadModel", c => c["tie_word_embeddings"] = false),
        ["gpt2 classification"] = Config(Gpt2, "GPT2ForSequenceClassification", Labels(3)),
        ["gpt2 spans"] = Config(Gpt2, "GPT2ForQuestionAnswering"),
        ["gpt2 bare"] = Config(Gpt2, "GPT2Model"),
        ["llama causal"] = Config(Llama, "LlamaForCausalLM"),
        ["llama causal untied, biases, wide heads, stretched"] = Config(Llama, "LlamaForCausalLM", c =>
        {
            c["tie_word_embeddings"] = false;
            c["attention_bias"] = true;
            c["mlp_bias"] = true;
            c["head_dim"] = 6;
            c["rope_scaling"] = JsonNode.Parse("""{ "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 2.0, "original_max_position_embeddings": 40 }""");
        }),
        ["llama classification, own keys"] = Config(Llama, "LlamaForSequenceClassification", c => { c.Remove("num_key_value_heads"); Labels(3)(c); }),
        ["llama bare"] = Config(Llama, "LlamaModel"),
    };

    public static TheoryData<string> Names { get; } = [.. Configs.Keys];

    /// <summary>One of each model family.</summary>
    public static TheoryData<string> Families { get; } =
        ["bert masked", "roberta classification", "xlm-r spans", "distilbert masked", "gpt2 causal", "llama causal"];

    /// <param name="shapes">What is left of each block, as <c>heads/width</c>; dense unless given.</param>
    /// <param name="change">Changes the config before it is read.</param>
    public static ModelDescription Describe(string name, string? shapes = null, Action<JsonObject>? change = null)
    {
        var config = Configs[name].DeepClone().AsObject();
        change?.Invoke(config);
        var dense = ModelFamilies.Describe(config, "config.json");
        return shapes is null ? dense : dense with { Layers = [.. BertTests.Parse(shapes).Select((s, i) => new LayerShape(i, s.Item1, s.Item2))] };
    }

    private static JsonObject Config(string json, string architecture, Action<JsonObject>? change = null)
    {
        var config = JsonNode.Parse(json)!.AsObject();
        config["architectures"] = new JsonArray(architecture);
        change?.Invoke(config);
        return config;
    }

    private static Action<JsonObject> Labels(int count) => config =>
        config["id2label"] = new JsonObject(Enumerable.Range(0, count).Select(i => KeyValuePair.Create($"{i}", (JsonNode?)$"label {i}")));
}
