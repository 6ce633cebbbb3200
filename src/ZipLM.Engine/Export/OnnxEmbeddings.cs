using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;
using static ZipLM.Engine.Export.OnnxGraph;

namespace ZipLM.Engine.Export;

/// <summary>How tokens become the first hidden states.</summary>
internal sealed class OnnxEmbeddings(OnnxGraph graph, OnnxNorms norms, OnnxMask mask)
{
    /// <summary>The constant that a tied decoder shares.</summary>
    public const string Words = "embeddings.words.weight";

    /// <param name="ids">Value int64 [batch, sequence].</param>
    /// <param name="types">The same for kinds of text; null where the model tells none apart.</param>
    public OnnxResidual Apply(TokenEmbeddings embeddings, string ids, string? types)
    {
        var words = Table(Words, embeddings.Words.Weight.shape, () => embeddings.Words.Weight);
        if (embeddings.Positions is not { } positions)
        {
            return new(Rows("words", words, ids));
        }

        // Where every token is of kind 0, that kind's embedding belongs to each position.
        var shift = embeddings.UsesTypes ? null : embeddings.Types?.Weight;
        var places = Table("embeddings.positions.weight", positions.Weight.shape, () => shift is null ? positions.Weight : positions.Weight.Plus(shift[0]));
        if (embeddings.Norm is not LayerNorm norm)
        {
            // The first norm behind adds them.
            return new(Rows("words", words, ids), Rows("positions", places, mask.Positions(embeddings.PositionOffset)));
        }

        string[] inputs =
        [
            graph.Int32(ids), types is null ? string.Empty : graph.Int32(types), words, places,
            types is null ? string.Empty : Table("embeddings.types.weight", embeddings.Types!.Weight.shape, () => embeddings.Types.Weight),
            .. norms.Weights("embeddings.norm", norm),
        ];
        // BERT counts positions from the left whatever is padding; RoBERTa counts tokens.
        string[] counted = embeddings.PositionOffset == 0 ? [] : [string.Empty, graph.Int32(mask.Positions(embeddings.PositionOffset))];
        // The second output is not used, but the operator has it.
        return new(graph.Node("embeddings", "EmbedLayerNormalization", [.. inputs, .. counted], ["embeddings", "embeddings.mask_index"], Fused, Attribute("epsilon", norm.Epsilon)));
    }

    private string Table(string name, long[] shape, Func<Tensor> make) => graph.Constant(OnnxTensor.Float(name, shape, make));

    private string Rows(string name, string table, string indices) => graph.Node($"embeddings.{name}", "Gather", [table, indices]);
}
