using TorchSharp.Modules;

namespace ZipLM.Engine.Models;

/// <summary>
/// All that is particular to LLaMA (Touvron et al., 2023) in Hugging Face's layout: causal, pre-norm with RMSNorm, rotary
/// positions, gated feed-forward, and query heads that share keys and values in groups.
/// </summary>
internal sealed class Llama : IModelFamily
{
    private const string Prefix = "model";
    private const string Bare = "LlamaModel";
    private const string DecoderWeight = "lm_head.weight";
    private const string Score = "score";

    public string Name => "llama";

    public IReadOnlyList<string> Architectures { get; } = ["LlamaForCausalLM", "LlamaForSequenceClassification", Bare];

    public string BareArchitecture => Bare;

    public IReadOnlyList<string> TiedNames { get; } = [DecoderWeight];

    public ModelDescription Describe(ConfigReader config)
    {
        var hidden = config.Positive("hidden_size");
        var heads = config.Positive("num_attention_heads");
        var groups = config.Positive("num_key_value_heads", heads);
        if (heads % groups != 0)
        {
            throw config.Invalid($"num_attention_heads {heads} is not a multiple of num_key_value_heads {groups}");
        }

        if (config.Json["head_dim"] is null && hidden % heads != 0)
        {
            throw config.Invalid($"hidden_size {hidden} is not a multiple of num_attention_heads {heads}, and there is no head_dim");
        }

        var headSize = config.Positive("head_dim", Math.Max(1, hidden / heads));
        if (headSize % 2 != 0)
        {
            throw config.Invalid($"heads of size {headSize} cannot have rotary positions, which turn pairs");
        }

        var architecture = config.Architecture(Architectures);
        var task = config.Task(architecture);
        var width = config.Positive("intermediate_size");
        // Read now, so that a wrong value is an error before any weight is read.
        _ = Settings.From(config);
        _ = LlamaFrequencies.Of(config, headSize);
        return new()
        {
            Family = this,
            Architecture = architecture,
            Task = task,
            HiddenSize = hidden,
            HeadSize = headSize,
            DenseHeads = groups,
            GroupSize = heads / groups,
            DenseWidth = width,
            VocabularySize = config.Positive("vocab_size"),
            MaximumSequenceLength = config.Positive("max_position_embeddings", 2048),
            Labels = task is ModelTask.SequenceClassification or ModelTask.Regression ? config.Labels() : [],
            Layers = [.. Enumerable.Range(0, config.Positive("num_hidden_layers")).Select(l => new LayerShape(l, groups, width))],
            Config = config.Json,
            Where = config.Where,
        };
    }

    public string? CanonicalName(string name) =>
        name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal) ? null
        : new[] { "embed_tokens.", "layers.", "norm." }.Any(start => name.StartsWith(start, StringComparison.Ordinal)) ? $"{Prefix}.{name}"
        : name;

    public IEnumerable<(string Name, long[] Shape)> Tensors(ModelDescription model)
    {
        long hidden = model.HiddenSize;
        var settings = Settings.Of(model);
        return
        [
            TensorShapes.Table($"{Prefix}.embed_tokens", model.VocabularySize, hidden),
            .. model.Layers.SelectMany(Block),
            .. TensorShapes.RmsNorm($"{Prefix}.norm", hidden),
            .. model.Task switch
            {
                ModelTask.SequenceClassification or ModelTask.Regression => TensorShapes.Linear(Score, model.Labels.Count, hidden, bias: false),
                ModelTask.CausalLanguageModeling => TensorShapes.Decoder(model, settings.TiedDecoder ? null : DecoderWeight, null),
                _ => Enumerable.Empty<(string, long[])>(),
            },
        ];

        IEnumerable<(string, long[])> Block(LayerShape shape)
        {
            var prefix = Layer(shape.Layer);
            long shared = shape.Heads * model.HeadSize;
            long inner = shared * model.GroupSize;
            IEnumerable<(string, long[])> attention = shape.Heads == 0 ? [] :
            [
                .. TensorShapes.RmsNorm($"{prefix}.input_layernorm", hidden),
                .. TensorShapes.Linear($"{prefix}.self_attn.q_proj", inner, hidden, settings.AttentionBias),
                .. TensorShapes.Linear($"{prefix}.self_attn.k_proj", shared, hidden, settings.AttentionBias),
                .. TensorShapes.Linear($"{prefix}.self_attn.v_proj", shared, hidden, settings.AttentionBias),
                .. TensorShapes.Linear($"{prefix}.self_attn.o_proj", hidden, inner, settings.AttentionBias),
            ];
            IEnumerable<(string, long[])> feedForward = shape.Width == 0 ? [] :
            [
                .. TensorShapes.RmsNorm($"{prefix}.post_attention_layernorm", hidden),
                .. TensorShapes.Linear($"{prefix}.mlp.gate_proj", shape.Width, hidden, settings.FeedForwardBias),
                .. TensorShapes.Linear($"{prefix}.mlp.up_proj", shape.Width, hidden, settings.FeedForwardBias),
                .. TensorShapes.Linear($"{prefix}.mlp.down_proj", hidden, shape.Width, settings.FeedForwardBias),
            ];
            return [.. attention, .. feedForward];
        }
    }

    public Transformer Build(ModelDescription model, IReadOnlyDictionary<string, Parameter> weights)
    {
        var config = new ConfigReader(model.Config, model.Where);
        var settings = Settings.From(config);
        var set = new WeightSet(weights);
        var rotary = new Rotary(LlamaFrequencies.Of(config, model.HeadSize), model.MaximumSequenceLength);
        var embeddings = new TokenEmbeddings(set.Table($"{Prefix}.embed_tokens"));
        var blocks = model.Layers.Select(shape =>
        {
            var prefix = Layer(shape.Layer);
            return new Block(
                shape.Layer,
                shape.Heads == 0 ? null : new Attention(
                    set.Linear($"{prefix}.self_attn.q_proj"),
                    set.Linear($"{prefix}.self_attn.k_proj"),
                    set.Linear($"{prefix}.self_attn.v_proj"),
                    set.Linear($"{prefix}.self_attn.o_proj"),
                    model.HeadSize, settings.AttentionDropout, model.GroupSize, causal: true, rotary),
                shape.Heads == 0 ? null : set.RmsNorm($"{prefix}.input_layernorm", settings.Epsilon),
                shape.Width == 0 ? null : new FeedForward(
                    set.Linear($"{prefix}.mlp.up_proj"), set.Linear($"{prefix}.mlp.down_proj"), settings.Activation, set.Linear($"{prefix}.mlp.gate_proj")),
                shape.Width == 0 ? null : set.RmsNorm($"{prefix}.post_attention_layernorm", settings.Epsilon),
                dropout: 0, preNorm: true);
        }).ToList();
        return new(embeddings, blocks, model.Task switch
        {
            ModelTask.SequenceClassification or ModelTask.Regression => new LastTokenHead(set.Linear(Score)),
            ModelTask.CausalLanguageModeling => new LanguageModelHead(set.Decoder(DecoderWeight, null, embeddings)),
            _ => null,
        }, set.RmsNorm($"{Prefix}.norm", settings.Epsilon));
    }

    private static string Layer(int layer) => $"{Prefix}.layers.{layer}";

    /// <summary>The values of a config that are no dimensions.</summary>
    private sealed record Settings(
        double Epsilon, double AttentionDropout, Activation Activation, bool AttentionBias, bool FeedForwardBias, bool TiedDecoder)
    {
        public static Settings Of(ModelDescription model) => From(new(model.Config, model.Where));

        public static Settings From(ConfigReader config) => new(
            config.Number("rms_norm_eps", 1e-6),
            config.Probability("attention_dropout", 0),
            Activation.FromName(config.Text("hidden_act", "silu"), config.Where),
            config.Flag("attention_bias", false),
            config.Flag("mlp_bias", false),
            config.Flag("tie_word_embeddings", false));
    }
}
