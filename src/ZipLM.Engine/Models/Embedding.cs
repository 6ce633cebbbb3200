using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>A table of vectors [count, width].</summary>
internal sealed class Embedding(string name, Parameter weight) : WeightHolder(name)
{
    public Parameter Weight => weight;

    public override IEnumerable<(string Name, Parameter Parameter)> Parameters => [(Name + ".weight", weight)];

    /// <param name="ids">int64 [batch, length]</param>
    /// <returns>[batch, length, width]</returns>
    public Tensor Apply(Tensor ids) =>
        weight.index_select(0, ids.reshape(-1)).view(ids.shape[0], ids.shape[1], weight.shape[1]);

    public Embedding Copy() => new(Name, Own(weight));
}
