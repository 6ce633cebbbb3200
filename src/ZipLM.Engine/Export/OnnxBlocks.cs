using ZipLM.Engine.Models;
using static ZipLM.Engine.Export.OnnxGraph;

namespace ZipLM.Engine.Export;

/// <summary>How the sublayers of a block become nodes: each of them is a few fused ones of ONNX Runtime.</summary>
/// <param name="linear">How matrix products are written.</param>
internal sealed class OnnxBlocks(OnnxGraph graph, OnnxLinear linear)
{
    /// <summary>LayerNorm(x + attention(x)).</summary>
    /// <param name="x">Value [batch, sequence, hidden].</param>
    /// <param name="mask">Value int32 [batch, sequence], 1 = real token.</param>
    public string Attention(Block block, string x, string mask)
    {
        var name = $"layer.{block.Layer}.attention";
        if (block.Attention is not { } attention)
        {
            return Norm($"{name}.norm", (LayerNorm)block.AttentionNorm!, x);
        }

        Linear[] projections = [attention.Query, attention.Key, attention.Value];
        var packed = linear.Apply($"{name}.qkv", x, projections);
        string[] parts = [$"{name}.query", $"{name}.key", $"{name}.value"];
        graph.Node($"{name}.split", "Split", [packed], parts, string.Empty, Attribute("axis", -1));
        var context = graph.Node($"{name}.context", "MultiHeadAttention", [.. parts, linear.Bias($"{name}.qkv.bias", projections), mask], Fused, Attribute("num_heads", attention.Heads));
        return Sum(name, linear.Apply($"{name}.output", context, attention.Output), x, attention.Output, (LayerNorm)block.AttentionNorm!);
    }

    /// <summary>LayerNorm(x + feed-forward(x)).</summary>
    /// <param name="x">Value [batch, sequence, hidden].</param>
    public string FeedForward(Block block, string x)
    {
        var name = $"layer.{block.Layer}.feed_forward";
        if (block.FeedForward is not { } feedForward)
        {
            return Norm($"{name}.norm", (LayerNorm)block.FeedForwardNorm!, x);
        }

        var up = linear.Apply($"{name}.up", x, feedForward.Up);
        var neurons = Activate($"{name}.activation", feedForward.Activation.Name, up, linear.Bias($"{name}.up.bias", feedForward.Up));
        return Sum(name, linear.Apply($"{name}.down", neurons, feedForward.Output), x, feedForward.Output, (LayerNorm)block.FeedForwardNorm!);
    }

    public string Norm(string name, LayerNorm norm, string x) =>
        graph.Node(name, "LayerNormalization", [x, .. Weights(name, norm)], string.Empty, Attribute("epsilon", norm.Epsilon));

    /// <summary>Weight and bias of a LayerNorm as constants.</summary>
    public string[] Weights(string name, LayerNorm norm) =>
    [
        graph.Constant(OnnxTensor.Float($"{name}.weight", norm.Weight.shape, () => norm.Weight)),
        graph.Constant(OnnxTensor.Float($"{name}.bias", norm.Bias.shape, () => norm.Bias)),
    ];

    /// <summary>LayerNorm(y + bias + x).</summary>
    private string Sum(string name, string y, string x, Linear output, LayerNorm norm) =>
        graph.Node($"{name}.norm", "SkipLayerNormalization", [y, x, .. Weights($"{name}.norm", norm), linear.Bias($"{name}.bias", output)], Fused, Attribute("epsilon", norm.Epsilon));

    private string Activate(string name, string activation, string x, string bias)
    {
        switch (activation)
        {
            case "gelu":
                return graph.Node(name, "BiasGelu", [x, bias], Fused);
            case "gelu_new" or "gelu_pytorch_tanh":
                return graph.Node(name, "FastGelu", [x, bias], Fused);
        }

        var sum = graph.Node($"{name}.sum", "Add", [x, bias]);
        return activation switch
        {
            "relu" => graph.Node(name, "Relu", [sum]),
            "tanh" => graph.Node(name, "Tanh", [sum]),
            // silu, swish
            _ => graph.Node(name, "Mul", [sum, graph.Node($"{name}.sigmoid", "Sigmoid", [sum])]),
        };
    }
}
