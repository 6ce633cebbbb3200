namespace ZipLM.Engine.Export;

/// <summary>What is computed from <c>attention_mask</c>, int64 [batch, sequence] with 1 for tokens; each once, where it is asked for.</summary>
internal sealed class OnnxMask(OnnxGraph graph, string mask)
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <summary>The mask as int32, which fused attention takes.</summary>
    public string Keys => Once("keys", _ => graph.Int32(mask));

    /// <summary>1, 2, 3 … for the tokens of each row and 0 for its padding, wherever that stands.</summary>
    public string Order => Once("order", name =>
        graph.Node(name, "Mul", [graph.Node($"{name}.count", "CumSum", [mask, graph.Constant(OnnxTensor.Int64($"{name}.axis", 1L))]), mask]));

    /// <summary>
    /// int64 [batch, sequence]: the positions of tokens from <paramref name="first"/> on; padding has the one before, where
    /// there is one.
    /// </summary>
    public string Positions(int first) => Once("positions", name =>
    {
        if (first == 1)
        {
            return Order;
        }

        var shifted = graph.Node($"{name}.shifted", "Add", [Order, graph.Constant(OnnxTensor.Int64($"{name}.shift", first - 1L))]);
        return first > 1 ? shifted : graph.Node(name, "Max", [shifted, graph.Constant(OnnxTensor.Int64($"{name}.least", 0L))]);
    });

    private string Once(string name, Func<string, string> make)
    {
        if (!_values.TryGetValue(name, out var value))
        {
            _values.Add(name, value = make(name));
        }

        return value;
    }
}
