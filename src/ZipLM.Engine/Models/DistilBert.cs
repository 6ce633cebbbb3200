using TorchSharp.Modules;

namespace ZipLM.Engine.Models;

/// <summary>All that is particular to DistilBERT (Sanh et al., 2019): BERT without kinds of text and pooler, under names of its own.</summary>
internal sealed class DistilBert : IModelFamily
{
    private const string Prefix = "distilbert";
    private const string Embeddings = $"{Prefix}.embeddings";
    private const string Bare = "DistilBertModel";
    private const string Dense = "pre_classifier";
    private const string Classifier = "classifier";
    private const string Spans = "qa_outputs";
    private const string DecoderWeight = "vocab_projector.weight";
    private const string DecoderBias = "vocab_projector.bias";
    private const double Epsilon = 1e-12;

    public string Name => "distilbert";

    public IReadOnlyList<string> Architectures { get; } =
        ["DistilBertForSequenceClassification", "DistilBertForQuestionAnswering", "DistilBertForMaskedLM", Bare];

    public string BareArchitecture => Bare;

    public string WordPieceClass => "DistilBertTokenizer";

    public IReadOnlyList<string> TiedNames { get; } = [DecoderWeight];

    public ModelDescription Describe(ConfigReader config)
    {
        var hidden = config.Positive("dim");
        var heads = config.Positive("n_heads");
        if (hidden % heads != 0)
        {
            throw config.Invalid($"dim {hidden} is not a multiple of n_heads {heads}");
        }

        var architecture = config.Architecture(Architectures);
        var task = config.Task(architecture);
        var width = config.Positive("hidden_dim");
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
            MaximumSequenceLength = config.Positive("max_position_embeddings"),
            Labels = task is ModelTask.SequenceClassification or ModelTask.Regression ? config.Labels() : [],
            Layers = [.. Enumerable.Range(0, config.Positive("n_layers")).Select(l => new LayerShape(l, heads, width))],
            Config = config.Json,
            Where = config.Where,
        };
    }

    public string? CanonicalName(string name)
    {
        name = name.Replace("LayerNorm.gamma", "LayerNorm.weight", StringComparison.Ordinal)
            .Replace("LayerNorm.beta", "LayerNorm.bias", StringComparison.Ordinal);
        return name.EndsWith("embeddings.position_ids", StringComparison.Ordinal) ? null
            : name.StartsWith("embeddings.", StringComparison.Ordinal) || name.StartsWith("transformer.", StringComparison.Ordinal) ? $"{Prefix}.{name}"
            : name;
    }

    public IEnumerable<(string Name, long[] Shape)> Tensors(ModelDescription model)
    {
        long hidden = model.HiddenSize;
        return
        [
            TensorShapes.Table($"{Embeddings}.word_embeddings", model.VocabularySize, hidden),
            TensorShapes.Table($"{Embeddings}.position_embeddings", model.MaximumSequenceLength, hidden),
            .. TensorShapes.LayerNorm($"{Embeddings}.LayerNorm", hidden),
            .. model.Layers.SelectMany(Block),
            .. model.Task switch
            {
                ModelTask.SequenceClassification or ModelTask.Regression =>
                    [.. TensorShapes.Linear(Dense, hidden, hidden), .. TensorShapes.Linear(Classifier, model.Labels.Count, hidden)],
                ModelTask.QuestionAnswering => TensorShapes.Linear(Spans, 2, hidden),
                ModelTask.MaskedLanguageModeling =>
                [
                    .. TensorShapes.Linear("vocab_transform", hidden, hidden),
                    .. TensorShapes.LayerNorm("vocab_layer_norm", hidden),
                    .. TensorShapes.Decoder(model, Settings.Of(model).TiedDecoder ? null : DecoderWeight, DecoderBias),
                ],
                _ => Enumerable.Empty<(string, long[])>(),
            },
        ];

        IEnumerable<(string, long[])> Block(LayerShape shape)
        {
            var prefix = Layer(shape.Layer);
            long inner = shape.Heads * model.HeadSize;
            IEnumerable<(string, long[])> attention = shape.Heads == 0 ? [] :
            [
                .. TensorShapes.Linear($"{prefix}.attention.q_lin", inner, hidden),
                .. TensorShapes.Linear($"{prefix}.attention.k_lin", inner, hidden),
                .. TensorShapes.Linear($"{prefix}.attention.v_lin", inner, hidden),
                .. TensorShapes.Linear($"{prefix}.attention.out_lin", hidden, inner),
            ];
            IEnumerable<(string, long[])> feedForward = shape.Width == 0 ? [] :
            [
                .. TensorShapes.Linear($"{prefix}.ffn.lin1", shape.Width, hidden),
                .. TensorShapes.Linear($"{prefix}.ffn.lin2", hidden, shape.Width),
            ];
            return
            [
                .. attention, .. TensorShapes.LayerNorm($"{prefix}.sa_layer_norm", hidden),
                .. feedForward, .. TensorShapes.LayerNorm($"{prefix}.output_layer_norm", hidden),
            ];
        }
    }

    public Transformer Build(ModelDescription model, IReadOnlyDictionary<string, Parameter> weights)
    {
        var settings = Settings.Of(model);
        var set = new WeightSet(weights);
        var embeddings = new TokenEmbeddings(
            set.Table($"{Embeddings}.word_embeddings"),
            set.Table($"{Embeddings}.position_embeddings"),
            norm: set.LayerNorm($"{Embeddings}.LayerNorm", Epsilon),
            dropout: settings.Dropout);
        var blocks = model.Layers.Select(shape =>
        {
            var prefix = Layer(shape.Layer);
            return new Block(
                shape.Layer,
                shape.Heads == 0 ? null : new Attention(
                    set.Linear($"{prefix}.attention.q_lin"),
                    set.Linear($"{prefix}.attention.k_lin"),
                    set.Linear($"{prefix}.attention.v_lin"),
                    set.Linear($"{prefix}.attention.out_lin"),
                    model.HeadSize, settings.AttentionDropout),
                set.LayerNorm($"{prefix}.sa_layer_norm", Epsilon),
                shape.Width == 0 ? null : new FeedForward(set.Linear($"{prefix}.ffn.lin1"), set.Linear($"{prefix}.ffn.lin2"), settings.Activation),
                set.LayerNorm($"{prefix}.output_layer_norm", Epsilon),
                settings.Dropout);
        }).ToList();
        return new(embeddings, blocks, model.Task switch
        {
            ModelTask.SequenceClassification or ModelTask.Regression =>
                new FirstTokenHead(set.Linear(Dense), Activation.Relu, set.Linear(Classifier), 0, settings.ClassifierDropout),
            ModelTask.QuestionAnswering => new SpanHead(set.Linear(Spans), settings.SpanDropout),
            ModelTask.MaskedLanguageModeling => new LanguageModelHead(
                set.Decoder(DecoderWeight, DecoderBias, embeddings),
                (set.Linear("vocab_transform"), settings.Activation, set.LayerNorm("vocab_layer_norm", Epsilon))),
            _ => null,
        });
    }

    private static string Layer(int layer) => $"{Prefix}.transformer.layer.{layer}";

    /// <summary>The values of a config that are no dimensions.</summary>
    private sealed record Settings(
        double Dropout, double AttentionDropout, double ClassifierDropout, double SpanDropout, Activation Activation, bool TiedDecoder)
    {
        public static Settings Of(ModelDescription model) => From(new(model.Config, model.Where));

        public static Settings From(ConfigReader config) => new(
            config.Probability("dropout", 0.1),
            config.Probability("attention_dropout", 0.1),
            config.Probability("seq_classif_dropout", 0.2),
            config.Probability("qa_dropout", 0.1),
            Activation.FromName(config.Text("activation", "gelu"), config.Where),
            config.Flag("tie_word_embeddings", true));
    }
}
