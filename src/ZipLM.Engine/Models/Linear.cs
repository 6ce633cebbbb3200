using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>y = x·Wᵀ + b with W [out, in] and b [out].</summary>
internal sealed class Linear(string name, Parameter weight, Parameter? bias) : WeightHolder(name)
{
    public Parameter Weight { get; } = weight;

    public Parameter? Bias { get; } = bias;

    public override IEnumerable<(string Name, Parameter Parameter)> Parameters =>
        Bias is null ? [(Name + ".weight", Weight)] : [(Name + ".weight", Weight), (Name + ".bias", Bias)];

    public Tensor Apply(Tensor x) => nn.functional.linear(x, Weight, Bias);

    /// <summary>A copy with another weight, of any number of columns, in this one's precision; the bias stays.</summary>
    public Linear WithWeight(Tensor weight) => With(weight, Bias);

    /// <summary>A copy with another weight, of any number of columns, in this one's precision, and another bias.</summary>
    public Linear With(Tensor weight, Tensor? bias)
    {
        using var scope = NewDisposeScope();
        return new(Name, Own(weight.to(Weight.dtype)), bias is null ? null : Own(bias));
    }

    /// <summary>A copy with these rows (outputs) only.</summary>
    /// <param name="rows">int64 [kept]</param>
    public Linear SelectRows(Tensor rows)
    {
        using var scope = NewDisposeScope();
        return new(Name, Own(Weight.index_select(0, rows)), Bias is null ? null : Own(Bias.index_select(0, rows)));
    }

    public Linear Copy() => WithWeight(Weight);
}
