using System.Diagnostics;
using ZipLM.Engine.Models;
using static ZipLM.Engine.Export.OnnxGraph;

namespace ZipLM.Engine.Export;

/// <summary>How normalisation becomes nodes, together with the residual sum before it.</summary>
internal sealed class OnnxNorms(OnnxGraph graph)
{
    /// <summary>norm(x).</summary>
    public string Apply(string name, Norm norm, string x) => norm is LayerNorm
        ? graph.Node(name, "LayerNormalization", [x, .. Weights(name, norm)], string.Empty, Attribute("epsilon", Epsilon(norm)))
        : graph.Node(name, "SimplifiedLayerNormalization", [x, .. Weights(name, norm)], string.Empty, Attribute("epsilon", Epsilon(norm)), Attribute("axis", -1));

    /// <summary>norm(sum + addend + bias).</summary>
    public string Apply(string name, Norm norm, OnnxResidual x) =>
        x.Addend is null ? Apply(name, norm, x.Sum) : Fuse(name, norm, x, [name]);

    /// <summary>The same, and the sum itself, which a pre-norm block goes on with.</summary>
    public (string Normed, string Sum) ApplyAndSum(string name, Norm norm, OnnxResidual x)
    {
        if (x.Addend is null)
        {
            return (Apply(name, norm, x.Sum), x.Sum);
        }

        var sum = $"{name}.sum";
        return (Fuse(name, norm, x, [name, string.Empty, string.Empty, sum]), sum);
    }

    /// <summary>sum + addend + bias, where no norm follows.</summary>
    public string Sum(string name, OnnxResidual x)
    {
        if (x.Addend is null)
        {
            return x.Sum;
        }

        var addend = x.Bias is null ? x.Addend : graph.Node($"{name}.biased", "Add", [x.Addend, x.Bias]);
        return graph.Node($"{name}.sum", "Add", [x.Sum, addend]);
    }

    /// <summary>Weight and, of a LayerNorm, bias as constants.</summary>
    public string[] Weights(string name, Norm norm) => [.. norm.Parameters.Select(p =>
        graph.Constant(OnnxTensor.Float(name + p.Name[norm.Name.Length..], p.Parameter.shape, () => p.Parameter)))];

    public static double Epsilon(Norm norm) => norm switch
    {
        LayerNorm layer => layer.Epsilon,
        RmsNorm rms => rms.Epsilon,
        _ => throw new UnreachableException(),
    };

    private string Fuse(string name, Norm norm, OnnxResidual x, IReadOnlyList<string> outputs)
    {
        string[] bias = x.Bias is null ? [] : [x.Bias];
        return graph.Node(name, norm is LayerNorm ? "SkipLayerNormalization" : "SkipSimplifiedLayerNormalization",
            [x.Addend!, x.Sum, .. Weights(name, norm), .. bias], outputs, Fused, Attribute("epsilon", Epsilon(norm)));
    }
}
