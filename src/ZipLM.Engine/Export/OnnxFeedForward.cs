using ZipLM.Engine.Models;

namespace ZipLM.Engine.Export;

/// <summary>How the feed-forward half of a block becomes nodes, with a gate or without.</summary>
/// <param name="linear">How matrix products are written.</param>
internal sealed class OnnxFeedForward(OnnxGraph graph, OnnxLinear linear)
{
    /// <param name="x">Value [batch, sequence, hidden].</param>
    /// <returns>Value [batch, sequence, hidden], and the bias that still has to be added.</returns>
    public (string Output, string? Bias) Apply(string name, FeedForward feedForward, string x)
    {
        var neurons = Activate($"{name}.activation", feedForward.Activation, $"{name}.{(feedForward.Gate is null ? "up" : "gate")}", x, feedForward.Gate ?? feedForward.Up);
        if (feedForward.Gate is not null)
        {
            neurons = graph.Node($"{name}.gated", "Mul", [neurons, linear.ApplyWithBias($"{name}.up", x, feedForward.Up)]);
        }

        return (linear.Apply($"{name}.down", neurons, feedForward.Output), linear.Bias($"{name}.bias", feedForward.Output));
    }

    /// <summary>activation(x·Wᵀ + b), in one node behind the product where there is one.</summary>
    /// <param name="product">Name of x·Wᵀ.</param>
    public string Activate(string name, Activation activation, string product, string x, Linear matrix)
    {
        var isGelu = activation.Name is "gelu" or "gelu_new" or "gelu_pytorch_tanh";
        if (isGelu && linear.Bias($"{product}.bias", matrix) is { } bias)
        {
            return graph.Node(name, activation.Name == "gelu" ? "BiasGelu" : "FastGelu", [linear.Apply(product, x, matrix), bias], OnnxGraph.Fused);
        }

        var sum = linear.ApplyWithBias(product, x, matrix);
        return activation.Name switch
        {
            "gelu" => graph.Node(name, "Gelu", [sum], OnnxGraph.Fused),
            "gelu_new" or "gelu_pytorch_tanh" => graph.Node(name, "FastGelu", [sum], OnnxGraph.Fused),
            "relu" => graph.Node(name, "Relu", [sum]),
            "tanh" => graph.Node(name, "Tanh", [sum]),
            // silu, swish: x · sigmoid(1 · x)
            _ => graph.Node(name, "QuickGelu", [sum], OnnxGraph.Fused, OnnxGraph.Attribute("alpha", 1.0)),
        };
    }
}
