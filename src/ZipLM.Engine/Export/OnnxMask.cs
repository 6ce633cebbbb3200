namespace ZipLM.Engine.Export;

/// <summary>
/// What is computed from <c>attention_mask</c>, int64 [batch, sequence], or [batch, past + sequence], with 1 for tokens; each
/// once, where it is asked for.
/// </summary>
/// <param name="ids">Value [batch, sequence] of the tokens that are read now, where the mask has those before, too; null = the mask has no others.</param>
internal sealed class OnnxMask(OnnxGraph graph, string mask, string? ids = null)
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
        var order = ids is null ? Order : Last(name, Order);
        if (first == 1)
        {
            return order;
        }

        var shifted = graph.Node($"{name}.shifted", "Add", [order, graph.Constant(OnnxTensor.Int64($"{name}.shift", first - 1L))]);
        return first > 1 ? shifted : graph.Node(name, "Max", [shifted, graph.Constant(OnnxTensor.Int64($"{name}.least", 0L))]);
    });

    /// <summary>The last columns, as many as tokens are read now.</summary>
    private string Last(string name, string columns)
    {
        var length = graph.Node($"{name}.length", "Shape", [ids!], string.Empty, OnnxGraph.Attribute("start", 1));
        return graph.Node($"{name}.now", "Slice",
            [columns, graph.Node($"{name}.from", "Neg", [length]), List("end", long.MaxValue), List("axis", 1)]);

        string List(string use, long value) => graph.Constant(OnnxTensor.Int64($"{name}.{use}", [value]));
    }

    private string Once(string name, Func<string, string> make)
    {
        if (!_values.TryGetValue(name, out var value))
        {
            _values.Add(name, value = make(name));
        }

        return value;
    }
}
