using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Export;

/// <summary>
/// x·Wᵀ in integers: x is quantised as it comes (DynamicQuantizeLinear, unsigned 8 bits), W beforehand with a scale for
/// each of its columns. W keeps to 7 bits, because processors with AVX2 and no VNNI add two products in 16 bits, which
/// 255·127·2 would overflow.
/// </summary>
internal sealed class OnnxQuantizedLinear(OnnxGraph graph) : OnnxLinear(graph)
{
    private const double Largest = 63;

    private readonly Dictionary<string, string[]> _quantized = new(StringComparer.Ordinal);

    /// <summary>In integers the matrix is another one than that of the embeddings.</summary>
    public override string Decode(string name, string x, string constant, Parameter weight) =>
        Multiply(name, x, [weight.shape[1], weight.shape[0]], () => weight.t());

    protected override string Multiply(string name, string x, long[] shape, Func<Tensor> matrix)
    {
        var weight = Graph.Constant(new($"{name}.weight", TensorProto.Types.DataType.Int8, shape, () =>
        {
            using var scope = NewDisposeScope();
            var values = matrix().detach().to(float32).cpu();
            return (values / Scales(values)).round().AtLeast(-Largest).AtMost(Largest).to(int8).contiguous().bytes.ToArray();
        }));
        var scales = Graph.Constant(OnnxTensor.Float($"{name}.weight.scale", [shape[1]], () => Scales(matrix().detach().to(float32))));
        var input = Quantize(x);
        var product = Graph.Node($"{name}.product", "MatMulInteger", [input[0], weight, input[2]]);
        var scale = Graph.Node($"{name}.scale", "Mul", [input[1], scales]);
        var cast = Graph.Node($"{name}.float", "Cast", [product], string.Empty, OnnxGraph.Attribute("to", (int)TensorProto.Types.DataType.Float));
        return Graph.Node(name, "Mul", [cast, scale]);
    }

    /// <summary>The largest weight of each column, [out], as a share of the largest integer; a column of zeros has any.</summary>
    private static Tensor Scales(Tensor matrix) => matrix.abs().amax(0).Over(Largest).AtLeast(1e-12);

    /// <summary>Values, scale and zero point; once for all matrices that a value is multiplied with.</summary>
    private string[] Quantize(string x)
    {
        if (!_quantized.TryGetValue(x, out var outputs))
        {
            outputs = [$"{x}.quantized", $"{x}.quantized.scale", $"{x}.quantized.zero_point"];
            Graph.Node(outputs[0], "DynamicQuantizeLinear", [x], outputs, string.Empty);
            _quantized.Add(x, outputs);
        }

        return outputs;
    }
}
