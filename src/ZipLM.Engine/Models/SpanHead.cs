using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>Extractive question answering: how well the answer starts, and how well it ends, at each token.</summary>
internal sealed class SpanHead(Linear outputs, double dropout) : Head
{
    public Linear Outputs => outputs;

    public override IEnumerable<WeightHolder> Holders => [outputs];

    /// <returns>[batch, length, 2]: start, end</returns>
    public override Tensor Forward(Tensor hidden, Batch batch, ForwardOptions options) => outputs.Apply(Drop(hidden, dropout, options));

    public override SpanHead Copy(TokenEmbeddings embeddings) => new(outputs.Copy(), dropout);
}
