using ZipLM.Engine.Models;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace ZipLM.Engine.Export;

/// <summary>How x·Wᵀ becomes nodes; the bias is left to the node behind, which adds it in passing.</summary>
internal class OnnxLinear(OnnxGraph graph)
{
    protected OnnxGraph Graph => graph;

    /// <summary>x·Wᵀ with the rows of several matrices of equal input under one another.</summary>
    /// <param name="name">Name of the value.</param>
    public string Apply(string name, string x, params IReadOnlyList<Linear> matrices)
    {
        var rows = matrices.Sum(m => m.Weight.shape[0]);
        return Multiply(name, x, [matrices[0].Weight.shape[1], rows], () => Transposed(matrices));
    }

    /// <summary>The biases of matrices as one constant, or null where they have none.</summary>
    public string? Bias(string name, params IReadOnlyList<Linear> matrices) => matrices[0].Bias is null ? null
        : Graph.Constant(OnnxTensor.Float(name, [matrices.Sum(m => m.Weight.shape[0])], () => cat([.. matrices.Select(m => (Tensor)m.Bias!)], 0)));

    /// <summary>x·Wᵀ + b, where no node behind adds the bias.</summary>
    public string ApplyWithBias(string name, string x, Linear matrix)
    {
        var product = Apply(name, x, matrix);
        return Bias($"{name}.bias", matrix) is { } bias ? Graph.Node($"{name}.sum", "Add", [product, bias]) : product;
    }

    /// <summary>A score for each word, x·Wᵀ with W [vocabulary, hidden].</summary>
    /// <param name="constant">The constant's name; a matrix that is tied to the embeddings is theirs, and stands in the file once.</param>
    public virtual string Decode(string name, string x, string constant, Parameter weight) =>
        Graph.Node(name, "FusedMatMul", [x, Graph.Constant(OnnxTensor.Float(constant, weight.shape, () => weight))], OnnxGraph.Fused, OnnxGraph.Attribute("transB", 1));

    /// <summary>W as ONNX multiplies, [in, out].</summary>
    protected static Tensor Transposed(IReadOnlyList<Linear> matrices) => cat([.. matrices.Select(m => (Tensor)m.Weight)], 0).t();

    /// <param name="shape">Of the matrix, [in, out].</param>
    /// <param name="matrix">Gives it.</param>
    protected virtual string Multiply(string name, string x, long[] shape, Func<Tensor> matrix) =>
        Graph.Node(name, "MatMul", [x, Graph.Constant(OnnxTensor.Float(name + ".weight", shape, matrix))]);
}
