using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>Classifier or regression of a causal model: its last token is the one that has seen all others.</summary>
internal sealed class LastTokenHead(Linear score) : Head
{
    public Linear Score => score;

    public override IEnumerable<WeightHolder> Holders => [score];

    /// <returns>[batch, labels]</returns>
    public override Tensor Forward(Tensor hidden, Batch batch, ForwardOptions options)
    {
        var last = batch.Mask.sum(1, keepdim: true, type: ScalarType.Int64).unsqueeze(2).Plus(-1L);
        return score.Apply(hidden.gather(1, last.expand(-1, -1, hidden.shape[2])).squeeze(1));
    }

    public override LastTokenHead Copy(TokenEmbeddings embeddings) => new(score.Copy());
}
