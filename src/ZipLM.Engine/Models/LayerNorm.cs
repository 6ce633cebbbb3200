using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>Layer normalisation over the last dimension.</summary>
internal sealed class LayerNorm(string name, Parameter weight, Parameter bias, double epsilon) : WeightHolder(name)
{
    private readonly long[] _shape = [weight.shape[0]];

    public Parameter Weight => weight;

    public Parameter Bias => bias;

    public double Epsilon => epsilon;

    public override IEnumerable<(string Name, Parameter Parameter)> Parameters =>
        [(Name + ".weight", weight), (Name + ".bias", bias)];

    public Tensor Apply(Tensor x) => nn.functional.layer_norm(x, _shape, weight, bias, epsilon);

    public LayerNorm Copy() => new(Name, Own(weight), Own(bias), epsilon);
}
