using TorchSharp.Modules;

namespace ZipLM.Engine.Models;

/// <summary>
/// All that is particular to GPT-2 (Radford et al., 2019) in Hugging Face's layout: causal, pre-norm, matrices stored as
/// [inputs, outputs], and one matrix for Q, K and V.
/// </summary>
internal sealed class Gpt2 : IModelFamily
{
    private const string Prefix = "transformer";
    private const string Bare = "GPT2Model";
    private const string DecoderWeight = "lm_head.weight";
    private const string Score = "score";
    private const string Spans = "qa_outputs";

    public string Name => "gpt2";

    public IReadOnlyList<string> Architectures { get; } =
        ["GPT2LMHeadModel", "GPT2ForSequenceClassification", "GPT2ForQuestionAnswering", Bare];

    public string BareArchitecture => Bare;

    public IReadOnlyList<string> TiedNames { get; } = [DecoderWeight];

    public ModelDescription Describe(ConfigReader config)
    {
        var hidden = config.Positive("n_embd");
        var heads = config.Positive("n_head");
        if (hidden % heads != 0)
        {
            throw config.Invalid($"n_embd {hidden} is not a multiple of n_head {heads}");
        }

        foreach (var (key, needed) in new[] { ("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false), ("add_cross_attention", false) })
        {
            if (config.Flag(key, needed) != needed)
            {
                throw config.Invalid($"'{key}' is {(needed ? "false" : "true")}, which is not supported");
            }
        }

        var architecture = config.Architecture(Architectures);
        var task = config.Task(architecture);
        var width = config.Positive("n_inner", 4 * hidden);
        // Read now, so that a wrong value is an error before any weight is read.
        _ = Settings.From(config);
        return new()
        {
            Family = this,
            Architecture = architecture,
            Task = task,
            HiddenSize = hidden,
            HeadSize = hidden / heads,
            DenseHeads = heads,
            DenseWidth = width,
            VocabularySize = config.Positive("vocab_size"),
            MaximumSequenceLength = config.Positive("n_positions"),
            Labels = task is ModelTask.SequenceClassification or ModelTask.Regression ? config.Labels() : [],
            Layers = [.. Enumerable.Range(0, config.Positive("n_layer")).Select(l => new LayerShape(l, heads, width))],
            Config = config.Json,
            Where = config.Where,
        };
    }

    public string? CanonicalName(string name) =>
        // Masks, which older versions of transformers saved as buffers.
        name.EndsWith(".attn.bias", StringComparison.Ordinal) || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal) ? null
        : new[] { "wte.", "wpe.", "h.", "ln_f." }.Any(start => name.StartsWith(start, StringComparison.Ordinal)) ? $"{Prefix}.{name}"
        : name;

    public IEnumerable<(string Name, long[] Shape)> Tensors(ModelDescription model)
    {
        long hidden = model.HiddenSize;
        return
        [
            TensorShapes.Table($"{Prefix}.wte", model.VocabularySize, hidden),
            TensorShapes.Table($"{Prefix}.wpe", model.MaximumSequenceLength, hidden),
            .. model.Layers.SelectMany(Block),
            .. TensorShapes.LayerNorm($"{Prefix}.ln_f", hidden),
            .. model.Task switch
            {
                ModelTask.SequenceClassification or ModelTask.Regression => TensorShapes.Linear(Score, model.Labels.Count, hidden, bias: false),
                ModelTask.QuestionAnswering => TensorShapes.Linear(Spans, 2, hidden),
                ModelTask.CausalLanguageModeling => TensorShapes.Decoder(model, Settings.Of(model).TiedDecoder ? null : DecoderWeight, null),
                _ => Enumerable.Empty<(string, long[])>(),
            },
        ];

        IEnumerable<(string, long[])> Block(LayerShape shape)
        {
            var prefix = Layer(shape.Layer);
            long inner = shape.Heads * model.HeadSize;
            IEnumerable<(string, long[])> attention = shape.Heads == 0 ? [] :
            [
                .. TensorShapes.LayerNorm($"{prefix}.ln_1", hidden),
                .. TensorShapes.Linear($"{prefix}.attn.c_attn.query", inner, hidden),
                .. TensorShapes.Linear($"{prefix}.attn.c_attn.key", inner, hidden),
                .. TensorShapes.Linear($"{prefix}.attn.c_attn.value", inner, hidden),
                .. TensorShapes.Linear($"{prefix}.attn.c_proj", hidden, inner),
            ];
            IEnumerable<(string, long[])> feedForward = shape.Width == 0 ? [] :
            [
                .. TensorShapes.LayerNorm($"{prefix}.ln_2", hidden),
                .. TensorShapes.Linear($"{prefix}.mlp.c_fc", shape.Width, hidden),
                .. TensorShapes.Linear($"{prefix}.mlp.c_proj", hidden, shape.Width),
            ];
            return [.. attention, .. feedForward];
        }
    }

    /// <summary>c_attn is Q, K and V beside each other; the matrices of a block are transposed.</summary>
    public IEnumerable<StoredTensor> Layout(ModelDescription model) =>
        Tensors(model)
            .GroupBy(t => t.Name.Replace(".query.", ".", StringComparison.Ordinal).Replace(".key.", ".", StringComparison.Ordinal).Replace(".value.", ".", StringComparison.Ordinal))
            .Select(g => new StoredTensor(g.Key, [.. g], Transposed: g.Key.Contains(".c_", StringComparison.Ordinal) && g.First().Shape.Length == 2));

    public Transformer Build(ModelDescription model, IReadOnlyDictionary<string, Parameter> weights)
    {
        var settings = Settings.Of(model);
        var set = new WeightSet(weights);
        var embeddings = new TokenEmbeddings(set.Table($"{Prefix}.wte"), set.Table($"{Prefix}.wpe"), dropout: settings.EmbeddingDropout);
        var blocks = model.Layers.Select(shape =>
        {
            var prefix = Layer(shape.Layer);
            return new Block(
                shape.Layer,
                shape.Heads == 0 ? null : new Attention(
                    set.Linear($"{prefix}.attn.c_attn.query"),
                    set.Linear($"{prefix}.attn.c_attn.key"),
                    set.Linear($"{prefix}.attn.c_attn.value"),
                    set.Linear($"{prefix}.attn.c_proj"),
                    model.HeadSize, settings.AttentionDropout, causal: true),
                shape.Heads == 0 ? null : set.LayerNorm($"{prefix}.ln_1", settings.Epsilon),
                shape.Width == 0 ? null : new FeedForward(set.Linear($"{prefix}.mlp.c_fc"), set.Linear($"{prefix}.mlp.c_proj"), settings.Activation),
                shape.Width == 0 ? null : set.LayerNorm($"{prefix}.ln_2", settings.Epsilon),
                settings.Dropout, preNorm: true);
        }).ToList();
        return new(embeddings, blocks, model.Task switch
        {
            ModelTask.SequenceClassification or ModelTask.Regression => new LastTokenHead(set.Linear(Score)),
            ModelTask.QuestionAnswering => new SpanHead(set.Linear(Spans), 0),
            ModelTask.CausalLanguageModeling => new LanguageModelHead(set.Decoder(DecoderWeight, null, embeddings)),
            _ => null,
        }, set.LayerNorm($"{Prefix}.ln_f", settings.Epsilon));
    }

    private static string Layer(int layer) => $"{Prefix}.h.{layer}";

    /// <summary>The values of a config that are no dimensions.</summary>
    private sealed record Settings(
        double Epsilon, double Dropout, double AttentionDropout, double EmbeddingDropout, Activation Activation, bool TiedDecoder)
    {
        public static Settings Of(ModelDescription model) => From(new(model.Config, model.Where));

        public static Settings From(ConfigReader config) => new(
            config.Number("layer_norm_epsilon", 1e-5),
            config.Probability("resid_pdrop", 0.1),
            config.Probability("attn_pdrop", 0.1),
            config.Probability("embd_pdrop", 0.1),
            Activation.FromName(config.Text("activation_function", "gelu_new"), config.Where),
            config.Flag("tie_word_embeddings", true));
    }
}
