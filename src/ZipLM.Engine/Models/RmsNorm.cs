using TorchSharp.Modules;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>x / √(mean(x²) + ε) · weight over the last dimension (Zhang &amp; Sennrich, 2019).</summary>
internal sealed class RmsNorm(string name, Parameter weight, double epsilon) : Norm(name)
{
    public Parameter Weight => weight;

    public double Epsilon => epsilon;

    public override IEnumerable<(string Name, Parameter Parameter)> Parameters => [(Name + ".weight", weight)];

    public override Tensor Apply(Tensor x)
    {
        // Squares of half precision overflow or vanish: the mean is taken in single precision at least.
        var wide = x.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? x.to(float32) : x;
        var normalised = wide * wide.Squared().mean([-1], keepdim: true).Plus(epsilon).rsqrt();
        return normalised.to(x.dtype) * weight;
    }

    public override RmsNorm Copy() => new(Name, Own(weight), epsilon);
}
