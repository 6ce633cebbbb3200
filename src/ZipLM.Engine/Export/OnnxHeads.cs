using System.Diagnostics;
using ZipLM.Engine.Models;
using static ZipLM.Engine.Export.OnnxGraph;

namespace ZipLM.Engine.Export;

/// <summary>How hidden states become the answer of a task.</summary>
/// <param name="linear">How matrix products are written.</param>
internal sealed class OnnxHeads(OnnxGraph graph, OnnxLinear linear, OnnxNorms norms, OnnxFeedForward feedForward, OnnxMask mask)
{
    /// <param name="x">Value [batch, sequence, hidden].</param>
    /// <returns>Value, and its dimensions behind the batch.</returns>
    public (string Value, string[] Dimensions) Apply(Head head, TokenEmbeddings embeddings, string x) => head switch
    {
        FirstTokenHead first => (linear.ApplyWithBias("head.classifier", Hidden(first, x), first.Classifier), [Rows(first.Classifier)]),
        LastTokenHead last => (linear.ApplyWithBias("head.score", Last(x), last.Score), [Rows(last.Score)]),
        SpanHead spans => (linear.ApplyWithBias("head.spans", x, spans.Outputs), [OnnxModel.Sequence, Rows(spans.Outputs)]),
        LanguageModelHead words => (Words(words, embeddings, x), [OnnxModel.Sequence, $"{words.Decoder.Weight.shape[0]}"]),
        _ => throw new UnreachableException(),
    };

    private static string Rows(Linear matrix) => $"{matrix.Weight.shape[0]}";

    private string Hidden(FirstTokenHead head, string x)
    {
        var first = graph.Node("head.first", "Gather", [x, graph.Constant(OnnxTensor.Int64("head.first.index", 0L))], string.Empty, Attribute("axis", 1));
        return feedForward.Activate("head.pooled", head.Activation, "head.dense", first, head.Dense);
    }

    /// <summary>The last token of each row that is no padding: there the count of tokens is largest.</summary>
    private string Last(string x)
    {
        var index = graph.Node("head.last.index", "ArgMax", [mask.Order], string.Empty, Attribute("axis", 1), Attribute("keepdims", 1));
        return graph.Node("head.last", "GatherND", [x, index], string.Empty, Attribute("batch_dims", 1));
    }

    private string Words(LanguageModelHead head, TokenEmbeddings embeddings, string x)
    {
        if (head.Transform is var (dense, activation, norm))
        {
            x = norms.Apply("head.norm", norm, feedForward.Activate("head.transformed", activation, "head.dense", x, dense));
        }

        var isTied = ReferenceEquals(head.Decoder.Weight, embeddings.Words.Weight);
        var scores = linear.Decode("head.decoder", x, isTied ? OnnxEmbeddings.Words : "head.decoder.weight", head.Decoder.Weight);
        return head.Decoder.Bias is { } bias
            ? graph.Node("head.decoder.sum", "Add", [scores, graph.Constant(OnnxTensor.Float("head.decoder.bias", bias.shape, () => bias))])
            : scores;
    }
}
