using TorchSharp.Modules;

namespace ZipLM.Engine.Models;

/// <summary>
/// All that is particular to RoBERTa (Liu et al., 2019) and XLM-R (Conneau et al., 2019) beside BERT's encoder: positions
/// that begin after the padding's index, no kinds of text, and the heads.
/// </summary>
/// <param name="modelType">The config's <c>model_type</c>.</param>
/// <param name="classes">What the names of its classes begin with.</param>
internal sealed class Roberta(string modelType, string classes) : IModelFamily
{
    private const string Dense = "classifier.dense";
    private const string Classifier = "classifier.out_proj";
    private const string Spans = "qa_outputs";
    private const string DecoderWeight = "lm_head.decoder.weight";
    private const string DecoderBias = "lm_head.bias";

    private static readonly BertEncoder Encoder = new("roberta");

    public string Name => modelType;

    public IReadOnlyList<string> Architectures { get; } =
        [.. new[] { "ForSequenceClassification", "ForQuestionAnswering", "ForMaskedLM", "Model" }.Select(ending => classes + ending)];

    public string BareArchitecture => $"{classes}Model";

    public IReadOnlyList<string> TiedNames { get; } = [DecoderWeight, "lm_head.decoder.bias"];

    public ModelDescription Describe(ConfigReader config) => BertEncoder.Describe(this, config, FirstPosition(config), types: 1);

    public string? CanonicalName(string name) => Encoder.CanonicalName(name);

    public IEnumerable<(string Name, long[] Shape)> Tensors(ModelDescription model)
    {
        long hidden = model.HiddenSize;
        var config = Config(model);
        return [.. Encoder.Tensors(model, FirstPosition(config)), .. model.Task switch
        {
            ModelTask.SequenceClassification or ModelTask.Regression =>
                [.. TensorShapes.Linear(Dense, hidden, hidden), .. TensorShapes.Linear(Classifier, model.Labels.Count, hidden)],
            ModelTask.QuestionAnswering => TensorShapes.Linear(Spans, 2, hidden),
            ModelTask.MaskedLanguageModeling =>
            [
                .. TensorShapes.Linear("lm_head.dense", hidden, hidden),
                .. TensorShapes.LayerNorm("lm_head.layer_norm", hidden),
                .. TensorShapes.Decoder(model, BertSettings.From(config).TiedDecoder ? null : DecoderWeight, DecoderBias),
            ],
            _ => Enumerable.Empty<(string, long[])>(),
        }];
    }

    public Transformer Build(ModelDescription model, IReadOnlyDictionary<string, Parameter> weights)
    {
        var config = Config(model);
        var settings = BertSettings.From(config);
        var set = new WeightSet(weights);
        var embeddings = Encoder.BuildEmbeddings(set, settings, FirstPosition(config), usesTypes: false);
        return new(embeddings, Encoder.BuildBlocks(model, set, settings), model.Task switch
        {
            ModelTask.SequenceClassification or ModelTask.Regression =>
                new FirstTokenHead(set.Linear(Dense), Activation.Tanh, set.Linear(Classifier), settings.ClassifierDropout, settings.ClassifierDropout),
            ModelTask.QuestionAnswering => new SpanHead(set.Linear(Spans), 0),
            // The head has GELU whatever the blocks have.
            ModelTask.MaskedLanguageModeling => new LanguageModelHead(
                set.Decoder(DecoderWeight, DecoderBias, embeddings),
                (set.Linear("lm_head.dense"), Activation.Gelu, set.LayerNorm("lm_head.layer_norm", settings.Epsilon))),
            _ => null,
        });
    }

    private static ConfigReader Config(ModelDescription model) => new(model.Config, model.Where);

    /// <summary>Positions are counted from the padding's index + 1: that index is the position of padding itself.</summary>
    private static int FirstPosition(ConfigReader config) => config.Index("pad_token_id", 1) + 1;
}
