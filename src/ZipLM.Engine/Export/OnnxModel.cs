using ZipLM.Engine.Models;
using static ZipLM.Engine.Export.OnnxGraph;

namespace ZipLM.Engine.Export;

/// <summary>A model, or one of its sublayers, as a graph. Batch and sequence may have any length.</summary>
internal static class OnnxModel
{
    public const string InputIds = "input_ids";
    public const string AttentionMask = "attention_mask";
    public const string TypeIds = "token_type_ids";
    public const string Hidden = "hidden";
    public const string Logits = "logits";
    public const string LastHidden = "last_hidden_state";

    private const string Batch = "batch";
    private const string Sequence = "sequence";

    /// <summary>
    /// A whole model: <c>input_ids</c>, <c>attention_mask</c> and <c>token_type_ids</c>, int64 [batch, sequence], to
    /// <c>logits</c> [batch, labels] or, without a head, <c>last_hidden_state</c> [batch, sequence, hidden].
    /// </summary>
    /// <exception cref="ZipLMException">The model has parts that are not written yet.</exception>
    public static OnnxGraph Whole(Transformer model, Precision precision)
    {
        RequireSupported(model);
        var graph = new OnnxGraph();
        var linear = Linear(graph, precision);
        var blocks = new OnnxBlocks(graph, linear);
        var ids = graph.Input(InputIds, TensorProto.Types.DataType.Int64, Batch, Sequence);
        var mask = Mask(graph);
        var x = Embed(graph, blocks, model.Embeddings, ids, graph.Input(TypeIds, TensorProto.Types.DataType.Int64, Batch, Sequence));
        foreach (var block in model.Blocks)
        {
            x = blocks.FeedForward(block, blocks.Attention(block, x, mask));
        }

        if (model.Head is not FirstTokenHead head)
        {
            graph.Output(LastHidden, x, Batch, Sequence, $"{model.Embeddings.Words.Weight.shape[1]}");
            return graph;
        }

        var first = graph.Node("head.first", "Gather", [x, graph.Constant(OnnxTensor.Int64("head.first.index", 0))], string.Empty, Attribute("axis", 1));
        var pooled = graph.Node("head.pooled", "Tanh", [Biased("head.pooler", first, head.Dense)]);
        graph.Output(Logits, Biased("head.classifier", pooled, head.Classifier), Batch, $"{head.Classifier.Weight.shape[0]}");
        return graph;

        string Biased(string name, string input, Linear matrix) =>
            graph.Node($"{name}.sum", "Add", [linear.Apply(name, input, matrix), linear.Bias($"{name}.bias", matrix)]);
    }

    /// <summary>One sublayer: <c>hidden</c> [batch, sequence, hidden] and <c>attention_mask</c> to <c>last_hidden_state</c>.</summary>
    public static OnnxGraph Sublayer(Block block, Sublayer sublayer, Precision precision)
    {
        var graph = new OnnxGraph();
        var blocks = new OnnxBlocks(graph, Linear(graph, precision));
        var size = $"{((LayerNorm)block.AttentionNorm!).Weight.shape[0]}";
        var x = graph.Input(Hidden, TensorProto.Types.DataType.Float, Batch, Sequence, size);
        var mask = Mask(graph);
        graph.Output(LastHidden, sublayer == ZipLM.Sublayer.Attention ? blocks.Attention(block, x, mask) : blocks.FeedForward(block, x), Batch, Sequence, size);
        return graph;
    }

    private static void RequireSupported(Transformer model)
    {
        var embeddings = model.Embeddings;
        var isBert = embeddings is { Positions: not null, PositionOffset: 0, Types: not null, UsesTypes: true, Norm: LayerNorm }
            && model.FinalNorm is null
            && (model.Head is not { IsTask: true } || model.Head is FirstTokenHead { Activation.Name: "tanh" })
            && model.Blocks.All(b => !b.PreNorm && b.Attention is null or { Causal: false, GroupSize: 1, Rotary: null } && b.FeedForward is null or { Gate: null });
        if (!isBert)
        {
            throw new ZipLMException("OnnxModelUnsupported", ErrorKind.InvalidArgument,
                "This model cannot be written as ONNX: that is there for BERT (sequence classification, or without a head) alone.",
                "Export the Hugging Face directory: Export-Model -Path DIRECTORY.");
        }
    }

    private static OnnxLinear Linear(OnnxGraph graph, Precision precision) => precision == Precision.Int8 ? new OnnxQuantizedLinear(graph) : new OnnxLinear(graph);

    private static string Mask(OnnxGraph graph) => Int32(graph, graph.Input(AttentionMask, TensorProto.Types.DataType.Int64, Batch, Sequence));

    private static string Embed(OnnxGraph graph, OnnxBlocks blocks, TokenEmbeddings embeddings, string ids, string types)
    {
        var norm = (LayerNorm)embeddings.Norm!;
        string[] inputs =
        [
            Int32(graph, ids), Int32(graph, types),
            Table("words", embeddings.Words), Table("positions", embeddings.Positions!), Table("types", embeddings.Types!),
            .. blocks.Weights("embeddings.norm", norm),
        ];
        // The second output is not used, but the operator has it.
        return graph.Node("embeddings", "EmbedLayerNormalization", inputs, ["embeddings", "embeddings.mask_index"], Fused, Attribute("epsilon", norm.Epsilon));

        string Table(string name, Embedding table) => graph.Constant(OnnxTensor.Float($"embeddings.{name}.weight", table.Weight.shape, () => table.Weight));
    }

    private static string Int32(OnnxGraph graph, string value) =>
        graph.Node($"{value}.int32", "Cast", [value], string.Empty, Attribute("to", (int)TensorProto.Types.DataType.Int32));
}
