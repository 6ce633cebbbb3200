using System.Text.Json.Nodes;
using TorchSharp.Modules;

namespace ZipLM.Engine.Models;

/// <summary>All that is particular to BERT (Devlin et al., 2018) in Hugging Face's layout, beside its encoder: classes and heads.</summary>
internal sealed class Bert : IModelFamily
{
    private const string ModelType = "bert";
    private const string Bare = "BertModel";
    private const string Classification = "BertForSequenceClassification";
    private const string Pooler = "bert.pooler.dense";
    private const string Classifier = "classifier";
    private const string Spans = "qa_outputs";
    private const string Predictions = "cls.predictions";
    private const string DecoderWeight = $"{Predictions}.decoder.weight";
    private const string DecoderBias = $"{Predictions}.bias";

    private static readonly BertEncoder Encoder = new(ModelType);

    public string Name => ModelType;

    /// <summary>The heads of BertForPreTraining are not computed: such a model answers with hidden states.</summary>
    public IReadOnlyList<string> Architectures { get; } =
        [Classification, "BertForQuestionAnswering", "BertForMaskedLM", "BertForPreTraining", Bare];

    public string BareArchitecture => Bare;

    public IReadOnlyList<string> TiedNames { get; } = [DecoderWeight, $"{Predictions}.decoder.bias"];

    /// <summary>The config of a new model.</summary>
    /// <param name="architecture">The class of Hugging Face; unless given a classifier of the labels, or without labels no head.</param>
    public static JsonObject NewConfig(
        int hiddenSize, int layers, int heads, int width, int vocabularySize, int maximumSequenceLength, IReadOnlyList<string> labels, string? architecture = null) => new()
    {
        ["architectures"] = new JsonArray(architecture ?? (labels.Count > 0 ? Classification : Bare)),
        ["model_type"] = ModelType,
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

    public ModelDescription Describe(ConfigReader config)
    {
        var model = BertEncoder.Describe(this, config, firstPosition: 0, types: 2);
        return model with { ReadsPairs = model.TextTypes > 1 };
    }

    public string? CanonicalName(string name) => Encoder.CanonicalName(name);

    public IEnumerable<(string Name, long[] Shape)> Tensors(ModelDescription model)
    {
        long hidden = model.HiddenSize;
        var tied = Settings(model).TiedDecoder;
        return [.. Encoder.Tensors(model, firstPosition: 0), .. model.Task switch
        {
            ModelTask.SequenceClassification or ModelTask.Regression =>
                [.. TensorShapes.Linear(Pooler, hidden, hidden), .. TensorShapes.Linear(Classifier, model.Labels.Count, hidden)],
            ModelTask.QuestionAnswering => TensorShapes.Linear(Spans, 2, hidden),
            ModelTask.MaskedLanguageModeling =>
            [
                .. TensorShapes.Linear($"{Predictions}.transform.dense", hidden, hidden),
                .. TensorShapes.LayerNorm($"{Predictions}.transform.LayerNorm", hidden),
                .. TensorShapes.Decoder(model, tied ? null : DecoderWeight, DecoderBias),
            ],
            _ => Enumerable.Empty<(string, long[])>(),
        }];
    }

    public Transformer Build(ModelDescription model, IReadOnlyDictionary<string, Parameter> weights)
    {
        var settings = Settings(model);
        var set = new WeightSet(weights);
        var embeddings = Encoder.BuildEmbeddings(set, settings, firstPosition: 0, usesTypes: true);
        return new(embeddings, Encoder.BuildBlocks(model, set, settings), model.Task switch
        {
            ModelTask.SequenceClassification or ModelTask.Regression =>
                new FirstTokenHead(set.Linear(Pooler), Activation.Tanh, set.Linear(Classifier), 0, settings.ClassifierDropout),
            ModelTask.QuestionAnswering => new SpanHead(set.Linear(Spans), 0),
            ModelTask.MaskedLanguageModeling => new LanguageModelHead(
                set.Decoder(DecoderWeight, DecoderBias, embeddings),
                (set.Linear($"{Predictions}.transform.dense"), settings.Activation, set.LayerNorm($"{Predictions}.transform.LayerNorm", settings.Epsilon))),
            _ => null,
        });
    }

    private static BertSettings Settings(ModelDescription model) => BertSettings.From(new(model.Config, model.Where));
}
