using ZipLM.Engine.Models;
using static TorchSharp.torch;
using static ZipLM.Engine.Export.OnnxGraph;

namespace ZipLM.Engine.Export;

/// <summary>How self-attention becomes nodes: one product for Q, K and V, one fused node for all heads, one product behind.</summary>
/// <param name="linear">How matrix products are written.</param>
/// <param name="cache">Keys and values of what was read before; null = nothing was.</param>
internal sealed class OnnxAttention(OnnxGraph graph, OnnxLinear linear, OnnxMask mask, OnnxCache? cache)
{
    /// <param name="x">Value [batch, sequence, hidden].</param>
    /// <returns>Value [batch, sequence, hidden], and the bias that still has to be added.</returns>
    public (string Output, string? Bias) Apply(string name, int layer, Attention attention, string x)
    {
        Linear[] projections = [attention.Query, attention.Key, attention.Value];
        var packed = linear.Apply($"{name}.qkv", x, projections);
        var bias = linear.Bias($"{name}.qkv.bias", projections);
        // The fused node adds the bias in passing, but only to queries, keys and values as they are.
        if (bias is not null && (attention.Rotary is not null || attention.GroupSize > 1))
        {
            packed = graph.Node($"{name}.qkv.sum", "Add", [packed, bias]);
            bias = null;
        }

        var (query, key, value) = ($"{name}.query", $"{name}.key", $"{name}.value");
        var sizes = graph.Constant(OnnxTensor.Int64($"{name}.split.sizes", [.. projections.Select(p => p.Weight.shape[0])]));
        graph.Node($"{name}.split", "Split", [packed, sizes], [query, key, value], string.Empty, Attribute("axis", -1));
        if (attention.Rotary is { } rotary)
        {
            (query, key) = (Turn(query, rotary), Turn(key, rotary));
        }

        if (attention.GroupSize > 1)
        {
            (key, value) = (Share(key, attention), Share(value, attention));
        }

        var context = $"{name}.context";
        string[] inputs = [query, key, value, bias ?? string.Empty, mask.Keys];
        string[] outputs = [context];
        if (cache is not null)
        {
            (inputs, outputs) = ([.. inputs, string.Empty, .. cache.Past(name, layer, attention)], [context, .. cache.Present(name, layer, attention)]);
        }

        graph.Node(context, "MultiHeadAttention", inputs, outputs, Fused,
            Attribute("num_heads", attention.Heads * attention.GroupSize), Attribute("unidirectional", attention.Causal ? 1 : 0));
        return (linear.Apply($"{name}.output", context, attention.Output), linear.Bias($"{name}.bias", attention.Output));
    }

    /// <summary>Turns every pair of every head by its token's position, which is counted in the mask.</summary>
    private string Turn(string x, Rotary rotary)
    {
        return graph.Node($"{x}.turned", "RotaryEmbedding",
            [x, mask.Positions(0), Table("cosines", a => a.cos()), Table("sines", a => a.sin())], Fused);

        // A constant [positions, half a head] that all blocks share.
        string Table(string name, Func<Tensor, Tensor> make) =>
            graph.Constant(OnnxTensor.Float($"rotary.{name}", [rotary.Positions, rotary.Frequencies.Count], () => make(rotary.Angles(rotary.Positions))));
    }

    /// <summary>A key or value for each query head: those of a group stand one after the other.</summary>
    private string Share(string x, Attention attention)
    {
        var (apart, times, together) = (Shape("apart", 0, 0, attention.Heads, 1, attention.HeadSize), Shape("times", 1, 1, 1, attention.GroupSize, 1),
            Shape("together", 0, 0, attention.Heads * attention.StructureSize));
        var heads = graph.Node($"{x}.apart", "Reshape", [x, apart]);
        return graph.Node($"{x}.shared", "Reshape", [graph.Node($"{x}.repeated", "Expand", [heads, times]), together]);

        string Shape(string use, params long[] sizes) => graph.Constant(OnnxTensor.Int64($"{x}.{use}.shape", sizes));
    }
}
