namespace ZipLM.Engine.Models;

/// <summary>The encoder of BERT, which RoBERTa shares: config keys, names in a checkpoint, embeddings and blocks.</summary>
/// <param name="Prefix">The name of the encoder in a checkpoint.</param>
internal sealed record BertEncoder(string Prefix)
{
    private string Embeddings => $"{Prefix}.embeddings";

    /// <summary>Names as this code has them: LayerNorm's legacy names and names without the prefix are the others.</summary>
    public string? CanonicalName(string name)
    {
        // Checkpoints converted from TensorFlow call LayerNorm's weight gamma and its bias beta;
        // a model without a head is saved without the prefix.
        name = name.Replace("LayerNorm.gamma", "LayerNorm.weight", StringComparison.Ordinal)
            .Replace("LayerNorm.beta", "LayerNorm.bias", StringComparison.Ordinal);
        if (name.EndsWith("embeddings.position_ids", StringComparison.Ordinal))
        {
            return null;
        }

        return name.StartsWith("embeddings.", StringComparison.Ordinal)
            || name.StartsWith("encoder.", StringComparison.Ordinal)
            || name.StartsWith("pooler.", StringComparison.Ordinal)
            ? $"{Prefix}.{name}"
            : name;
    }

    /// <summary>Reads <c>config.json</c>; every layer is taken as dense.</summary>
    /// <param name="firstPosition">Row of the first position's embedding.</param>
    /// <param name="types">Rows of the embedding of kinds of text, unless the config says.</param>
    public static ModelDescription Describe(IModelFamily family, ConfigReader config, int firstPosition, int types)
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

        var architecture = config.Architecture(family.Architectures);
        var task = config.Task(architecture);
        var width = config.Positive("intermediate_size");
        var positions = config.Positive("max_position_embeddings");
        if (positions <= firstPosition)
        {
            throw config.Invalid($"max_position_embeddings {positions} leaves no position beside the first {firstPosition}, which pad_token_id takes");
        }

        // Read now, so that a wrong value is an error before any weight is read.
        _ = BertSettings.From(config);
        return new()
        {
            Family = family,
            Architecture = architecture,
            Task = task,
            HiddenSize = hidden,
            HeadSize = hidden / heads,
            DenseHeads = heads,
            DenseWidth = width,
            VocabularySize = config.Positive("vocab_size"),
            MaximumSequenceLength = positions - firstPosition,
            TextTypes = config.Positive("type_vocab_size", types),
            Labels = task is ModelTask.SequenceClassification or ModelTask.Regression ? config.Labels() : [],
            Layers = [.. Enumerable.Range(0, config.Positive("num_hidden_layers")).Select(l => new LayerShape(l, heads, width))],
            Config = config.Json,
            Where = config.Where,
        };
    }

    /// <param name="firstPosition">Row of the first position's embedding.</param>
    public IEnumerable<(string Name, long[] Shape)> Tensors(ModelDescription model, int firstPosition)
    {
        long hidden = model.HiddenSize;
        return
        [
            TensorShapes.Table($"{Embeddings}.word_embeddings", model.VocabularySize, hidden),
            TensorShapes.Table($"{Embeddings}.position_embeddings", firstPosition + model.MaximumSequenceLength, hidden),
            TensorShapes.Table($"{Embeddings}.token_type_embeddings", model.TextTypes, hidden),
            .. TensorShapes.LayerNorm($"{Embeddings}.LayerNorm", hidden),
            .. model.Layers.SelectMany(Block),
        ];

        IEnumerable<(string, long[])> Block(LayerShape shape)
        {
            var prefix = Layer(shape.Layer);
            long inner = shape.Heads * model.HeadSize;
            IEnumerable<(string, long[])> attention = shape.Heads == 0 ? [] :
            [
                .. TensorShapes.Linear($"{prefix}.attention.self.query", inner, hidden),
                .. TensorShapes.Linear($"{prefix}.attention.self.key", inner, hidden),
                .. TensorShapes.Linear($"{prefix}.attention.self.value", inner, hidden),
                .. TensorShapes.Linear($"{prefix}.attention.output.dense", hidden, inner),
            ];
            IEnumerable<(string, long[])> feedForward = shape.Width == 0 ? [] :
            [
                .. TensorShapes.Linear($"{prefix}.intermediate.dense", shape.Width, hidden),
                .. TensorShapes.Linear($"{prefix}.output.dense", hidden, shape.Width),
            ];
            return
            [
                .. attention, .. TensorShapes.LayerNorm($"{prefix}.attention.output.LayerNorm", hidden),
                .. feedForward, .. TensorShapes.LayerNorm($"{prefix}.output.LayerNorm", hidden),
            ];
        }
    }

    /// <param name="firstPosition">Row of the first position's embedding.</param>
    /// <param name="usesTypes">False: every token is of type 0.</param>
    public TokenEmbeddings BuildEmbeddings(WeightSet weights, BertSettings settings, int firstPosition, bool usesTypes) => new(
        weights.Table($"{Embeddings}.word_embeddings"),
        weights.Table($"{Embeddings}.position_embeddings"), firstPosition,
        weights.Table($"{Embeddings}.token_type_embeddings"), usesTypes,
        weights.LayerNorm($"{Embeddings}.LayerNorm", settings.Epsilon),
        settings.Dropout);

    public IReadOnlyList<Block> BuildBlocks(ModelDescription model, WeightSet weights, BertSettings settings) => [.. model.Layers.Select(shape =>
    {
        var prefix = Layer(shape.Layer);
        return new Block(
            shape.Layer,
            shape.Heads == 0 ? null : new Attention(
                weights.Linear($"{prefix}.attention.self.query"),
                weights.Linear($"{prefix}.attention.self.key"),
                weights.Linear($"{prefix}.attention.self.value"),
                weights.Linear($"{prefix}.attention.output.dense"),
                model.HeadSize, settings.AttentionDropout),
            weights.LayerNorm($"{prefix}.attention.output.LayerNorm", settings.Epsilon),
            shape.Width == 0 ? null : new FeedForward(
                weights.Linear($"{prefix}.intermediate.dense"), weights.Linear($"{prefix}.output.dense"), settings.Activation),
            weights.LayerNorm($"{prefix}.output.LayerNorm", settings.Epsilon),
            settings.Dropout);
    })];

    private string Layer(int layer) => $"{Prefix}.encoder.layer.{layer}";
}
