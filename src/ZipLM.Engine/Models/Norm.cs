using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>A normalisation over the last dimension.</summary>
internal abstract class Norm(string name) : WeightHolder(name)
{
    public abstract Tensor Apply(Tensor x);

    public abstract Norm Copy();
}
