using ZipLM.Engine.Models;

namespace ZipLM.Engine.Export;

/// <summary>A model of any model family, or one of its sublayers, as a graph. Batch and sequence may have any length.</summary>
internal sealed class OnnxModel
{
    public const string InputIds = "input_ids";
    public const string AttentionMask = "attention_mask";
    public const string TypeIds = "token_type_ids";
    public const string Hidden = "hidden";
    public const string Logits = "logits";
    public const string LastHidden = "last_hidden_state";

    /// <summary>Name of the dimension that counts tokens.</summary>
    public const string Sequence = "sequence";

    /// <summary>Name of the dimension that counts tokens with those that were read before.</summary>
    public const string TotalSequence = "total_sequence";

    public const string Batch = "batch";

    private readonly OnnxGraph _graph = new();
    private readonly OnnxNorms _norms;
    private readonly OnnxMask _mask;
    private readonly OnnxCache? _cache;
    private readonly OnnxSublayers _sublayers;
    private readonly OnnxHeads _heads;

    private OnnxModel(Precision precision, bool cached = false)
    {
        OnnxLinear linear = precision == Precision.Int8 ? new OnnxQuantizedLinear(_graph) : new OnnxLinear(_graph);
        var feedForward = new OnnxFeedForward(_graph, linear);
        _norms = new(_graph);
        _mask = new(_graph, AttentionMask, cached ? InputIds : null);
        _cache = cached ? new(_graph) : null;
        _sublayers = new(_norms, new(_graph, linear, _mask, _cache), feedForward);
        _heads = new(_graph, linear, _norms, feedForward, _mask);
    }

    /// <summary>
    /// A whole model: <c>input_ids</c>, <c>attention_mask</c> and, where it tells kinds of text apart, <c>token_type_ids</c>,
    /// int64 [batch, sequence], to <c>logits</c> in the shape of <see cref="ModelOutput.Logits"/> or, without a head,
    /// <c>last_hidden_state</c> [batch, sequence, hidden]. Padding may stand on either side of causal models and RoBERTa.
    /// With a cache (<see cref="OnnxCache"/>) <c>attention_mask</c> is [batch, past + sequence].
    /// </summary>
    /// <param name="head">Write the head. Unless said: that of a task, but not that of a masked language model, as <see cref="ForwardOptions.Head"/>.</param>
    /// <param name="cached">Take keys and values of what was read before, and give them. Unless said: of a model that writes texts.</param>
    public static OnnxGraph Whole(Transformer model, Precision precision, bool? head = null, bool? cached = null) =>
        new OnnxModel(precision, cached ?? model.Head is LanguageModelHead { IsTask: true }).Write(model, head);

    /// <summary>One sublayer: <c>hidden</c> [batch, sequence, hidden] and <c>attention_mask</c> to <c>last_hidden_state</c>.</summary>
    public static OnnxGraph Sublayer(Block block, Sublayer sublayer, Precision precision) => new OnnxModel(precision).Write(block, sublayer);

    private OnnxGraph Write(Transformer model, bool? withHead)
    {
        var ids = Tokens(InputIds);
        Tokens(AttentionMask, _cache is null ? Sequence : TotalSequence);
        var types = model.Embeddings is { Types: not null, UsesTypes: true } ? Tokens(TypeIds) : null;
        var x = new OnnxEmbeddings(_graph, _norms, _mask).Apply(model.Embeddings, ids, types);
        foreach (var block in model.Blocks)
        {
            x = _sublayers.FeedForward(block, _sublayers.Attention(block, x));
        }

        var last = model.FinalNorm is { } norm ? _norms.Apply("norm", norm, x) : _norms.Sum("last", x);
        if (model.Head is { } head && (withHead ?? head.IsTask))
        {
            var (logits, dimensions) = _heads.Apply(head, model.Embeddings, last);
            _graph.Output(Logits, logits, [Batch, .. dimensions]);
        }
        else
        {
            _graph.Output(LastHidden, last, Batch, Sequence, $"{model.Embeddings.Words.Weight.shape[1]}");
        }

        _cache?.Write();
        return _graph;
    }

    private OnnxGraph Write(Block block, Sublayer sublayer)
    {
        // A pre-norm block without anything left has no weights that tell its width.
        var size = (block.AttentionNorm ?? block.FeedForwardNorm)?.Parameters.First().Parameter.shape[0].ToString(System.Globalization.CultureInfo.InvariantCulture) ?? Hidden;
        var x = new OnnxResidual(_graph.Input(Hidden, TensorProto.Types.DataType.Float, Batch, Sequence, size));
        Tokens(AttentionMask);
        var y = sublayer == ZipLM.Sublayer.Attention ? _sublayers.Attention(block, x) : _sublayers.FeedForward(block, x);
        _graph.Output(LastHidden, _norms.Sum("last", y), Batch, Sequence, size);
        return _graph;
    }

    private string Tokens(string name, string dimension = Sequence) => _graph.Input(name, TensorProto.Types.DataType.Int64, Batch, dimension);
}
