using System.Text.Json.Nodes;
using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>
/// All that is particular to BERT (Devlin et al., 2018) in Hugging Face's layout: config keys, names in a checkpoint,
/// embeddings and head.
/// </summary>
internal static class Bert
{
    public const string ModelFamily = "bert";

    private const string ClassificationArchitecture = "BertForSequenceClassification";
    private const string Embeddings = "bert.embeddings";
    private const string Pooler = "bert.pooler.dense";
    private const string Classifier = "classifier";

    /// <summary>Architectures that are read. Heads other than the classifier are left out: their models answer with hidden states.</summary>
    public static IReadOnlyList<string> Architectures { get; } =
        [ClassificationArchitecture, "BertModel", "BertForMaskedLM", "BertForPreTraining"];

    /// <summary>Reads <c>config.json</c>; every layer is taken as dense.</summary>
    public static ModelDescription Describe(ConfigReader config)
    {
        var hidden = config.Positive("hidden_size");
        var heads = config.Positive("num_attention_heads");
        if (hidden % heads != 0)
        {
            throw config.Invalid($"hidden_size {hidden} is not a multiple of num_attention_heads {heads}");
        }

        var position = config.Text("position_embedding_type", "absolute");
        if (position != "absolute")
        {
            throw config.Invalid($"position_embedding_type '{position}' is not supported, only 'absolute'");
        }

        var architecture = config.Architecture(Architectures);
        var classifies = architecture == ClassificationArchitecture;
        var width = config.Positive("intermediate_size");
        // Read now, so that a wrong value is an error before any weight is read.
        _ = Settings.From(config);
        return new()
        {
            ModelFamily = ModelFamily,
            Architecture = architecture,
            Task = classifies ? ModelTask.SequenceClassification : ModelTask.FeatureExtraction,
            HiddenSize = hidden,
            HeadSize = hidden / heads,
            DenseHeads = heads,
            DenseWidth = width,
            VocabularySize = config.Positive("vocab_size"),
            MaximumSequenceLength = config.Positive("max_position_embeddings"),
            Labels = classifies ? config.Labels() : [],
            Layers = [.. Enumerable.Range(0, config.Positive("num_hidden_layers")).Select(l => new LayerShape(l, heads, width))],
            Config = config.Json,
            Where = config.Where,
        };
    }

    /// <summary>The config of a new model.</summary>
    public static JsonObject NewConfig(int hiddenSize, int layers, int heads, int width, int vocabularySize, int maximumSequenceLength, IReadOnlyList<string> labels) => new()
    {
        ["architectures"] = new JsonArray(labels.Count > 0 ? ClassificationArchitecture : "BertModel"),
        ["model_type"] = ModelFamily,
        ["hidden_size"] = hiddenSize,
        ["num_hidden_layers"] = layers,
        ["num_attention_heads"] = heads,
        ["intermediate_size"] = width,
        ["hidden_act"] = "gelu",
        ["hidden_dropout_prob"] = 0.1,
        ["attention_probs_dropout_prob"] = 0.1,
        ["initializer_range"] = 0.02,
        ["layer_norm_eps"] = 1e-12,
        ["max_position_embeddings"] = maximumSequenceLength,
        ["type_vocab_size"] = 2,
        ["vocab_size"] = vocabularySize,
        ["pad_token_id"] = 0,
        ["id2label"] = new JsonObject(labels.Select((l, i) => KeyValuePair.Create($"{i}", (JsonNode?)l))),
        ["label2id"] = new JsonObject(labels.Select((l, i) => KeyValuePair.Create(l, (JsonNode?)i))),
    };

    /// <summary>Names in a checkpoint of the tensors that tell how much of a block is left: their rows count.</summary>
    public static (string Query, string Up) ShapeTensors(int layer) =>
        ($"{Layer(layer)}.attention.self.query.weight", $"{Layer(layer)}.intermediate.dense.weight");

    /// <summary>The name that this code uses for a tensor that a checkpoint calls <paramref name="name"/>.</summary>
    public static string CanonicalName(string name)
    {
        // Checkpoints converted from TensorFlow call LayerNorm's weight gamma and its bias beta;
        // a plain BertModel is saved without the prefix.
        name = name.Replace("LayerNorm.gamma", "LayerNorm.weight", StringComparison.Ordinal)
            .Replace("LayerNorm.beta", "LayerNorm.bias", StringComparison.Ordinal);
        return name.StartsWith("embeddings.", StringComparison.Ordinal)
            || name.StartsWith("encoder.", StringComparison.Ordinal)
            || name.StartsWith("pooler.", StringComparison.Ordinal)
            ? "bert." + name
            : name;
    }

    /// <summary>Every tensor of a model with its shape; the shapes of <paramref name="model"/> say what is left of each block.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Tensors(ModelDescription model)
    {
        long hidden = model.HiddenSize;
        var types = new ConfigReader(model.Config, model.Where).Positive("type_vocab_size", 2);
        IEnumerable<(string, long[])> embeddings =
        [
            ($"{Embeddings}.word_embeddings.weight", [model.VocabularySize, hidden]),
            ($"{Embeddings}.position_embeddings.weight", [model.MaximumSequenceLength, hidden]),
            ($"{Embeddings}.token_type_embeddings.weight", [types, hidden]),
            .. Norm($"{Embeddings}.LayerNorm"),
        ];
        IEnumerable<(string, long[])> head = model.Task == ModelTask.SequenceClassification
            ? [.. Dense(Pooler, hidden, hidden), .. Dense(Classifier, model.Labels.Count, hidden)]
            : [];
        return [.. embeddings, .. model.Layers.SelectMany(Block), .. head];

        IEnumerable<(string, long[])> Block(LayerShape shape)
        {
            var prefix = Layer(shape.Layer);
            long inner = shape.Heads * model.HeadSize;
            IEnumerable<(string, long[])> attention = shape.Heads == 0 ? [] :
            [
                .. Dense($"{prefix}.attention.self.query", inner, hidden),
                .. Dense($"{prefix}.attention.self.key", inner, hidden),
                .. Dense($"{prefix}.attention.self.value", inner, hidden),
                .. Dense($"{prefix}.attention.output.dense", hidden, inner),
            ];
            IEnumerable<(string, long[])> feedForward = shape.Width == 0 ? [] :
            [
                .. Dense($"{prefix}.intermediate.dense", shape.Width, hidden),
                .. Dense($"{prefix}.output.dense", hidden, shape.Width),
            ];
            return [.. attention, .. Norm($"{prefix}.attention.output.LayerNorm"), .. feedForward, .. Norm($"{prefix}.output.LayerNorm")];
        }

        static IEnumerable<(string, long[])> Dense(string name, long outputs, long inputs) =>
            [($"{name}.weight", [outputs, inputs]), ($"{name}.bias", [outputs])];

        IEnumerable<(string, long[])> Norm(string name) => [($"{name}.weight", [hidden]), ($"{name}.bias", [hidden])];
    }

    /// <summary>Puts the tensors that <see cref="Tensors"/> names together; the result owns them.</summary>
    public static Transformer Build(ModelDescription model, IReadOnlyDictionary<string, TorchSharp.Modules.Parameter> weights)
    {
        var settings = Settings.From(new(model.Config, model.Where));
        var embeddings = new BertEmbeddings(
            Table($"{Embeddings}.word_embeddings"),
            Table($"{Embeddings}.position_embeddings"),
            Table($"{Embeddings}.token_type_embeddings"),
            Norm($"{Embeddings}.LayerNorm"),
            settings.Dropout);
        var blocks = model.Layers.Select(shape =>
        {
            var prefix = Layer(shape.Layer);
            return new Block(
                shape.Layer,
                shape.Heads == 0 ? null : new Attention(
                    Dense($"{prefix}.attention.self.query"),
                    Dense($"{prefix}.attention.self.key"),
                    Dense($"{prefix}.attention.self.value"),
                    Dense($"{prefix}.attention.output.dense"),
                    model.HeadSize, settings.AttentionDropout),
                Norm($"{prefix}.attention.output.LayerNorm"),
                shape.Width == 0 ? null : new FeedForward(Dense($"{prefix}.intermediate.dense"), Dense($"{prefix}.output.dense"), settings.Activation),
                Norm($"{prefix}.output.LayerNorm"),
                settings.Dropout);
        }).ToList();
        var head = model.Task == ModelTask.SequenceClassification
            ? new BertHead(Dense(Pooler), Dense(Classifier), settings.ClassifierDropout)
            : null;
        return new(embeddings, blocks, head);

        Embedding Table(string name) => new(name, weights[$"{name}.weight"]);

        Linear Dense(string name) => new(name, weights[$"{name}.weight"], weights[$"{name}.bias"]);

        LayerNorm Norm(string name) => new(name, weights[$"{name}.weight"], weights[$"{name}.bias"], settings.Epsilon);
    }

    private static string Layer(int layer) => $"bert.encoder.layer.{layer}";

    /// <summary>The values of a config that are no dimensions.</summary>
    private sealed record Settings(double Epsilon, double Dropout, double AttentionDropout, double ClassifierDropout, Activation Activation)
    {
        public static Settings From(ConfigReader config)
        {
            var dropout = config.Probability("hidden_dropout_prob", 0.1);
            return new(
                config.Number("layer_norm_eps", 1e-12),
                dropout,
                config.Probability("attention_probs_dropout_prob", 0.1),
                config.Probability("classifier_dropout", dropout),
                Activation.FromName(config.Text("hidden_act", "gelu"), config.Where));
        }
    }
}

/// <summary>Word + position + segment embeddings, normalised.</summary>
internal sealed class BertEmbeddings(Embedding words, Embedding positions, Embedding types, LayerNorm norm, double dropout) : IDisposable
{
    public Embedding Words => words;

    public Embedding Positions => positions;

    public Embedding Types => types;

    public LayerNorm Norm => norm;

    public IEnumerable<WeightHolder> Holders => [words, positions, types, norm];

    public Device Device => words.Weight.device;

    /// <returns>[batch, length, hidden]</returns>
    public Tensor Forward(Batch batch, ForwardOptions options)
    {
        var sum = words.Apply(batch.InputIds)
            + types.Apply(batch.TypeIds)
            + positions.Weight.narrow(0, 0, batch.InputIds.shape[1]);
        var normalised = norm.Apply(sum);
        return options.Training && dropout > 0 ? nn.functional.dropout(normalised, dropout, training: true) : normalised;
    }

    public BertEmbeddings Copy() => new(words.Copy(), positions.Copy(), types.Copy(), norm.Copy(), dropout);

    public void Dispose()
    {
        foreach (var holder in Holders)
        {
            holder.Dispose();
        }
    }
}

/// <summary>Pooler (first token, tanh) and classifier.</summary>
internal sealed class BertHead(Linear pooler, Linear classifier, double dropout) : IDisposable
{
    public Linear Pooler => pooler;

    public Linear Classifier => classifier;

    public IEnumerable<WeightHolder> Holders => [pooler, classifier];

    /// <param name="hidden">[batch, length, hidden]</param>
    /// <param name="options">Dropout or not.</param>
    /// <returns>[batch, labels]</returns>
    public Tensor Forward(Tensor hidden, ForwardOptions options)
    {
        var pooled = tanh(pooler.Apply(hidden.select(1, 0)));
        return classifier.Apply(options.Training && dropout > 0 ? nn.functional.dropout(pooled, dropout, training: true) : pooled);
    }

    public BertHead Copy() => new(pooler.Copy(), classifier.Copy(), dropout);

    public void Dispose()
    {
        pooler.Dispose();
        classifier.Dispose();
    }
}
