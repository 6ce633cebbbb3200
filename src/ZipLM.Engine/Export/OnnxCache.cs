using ZipLM.Engine.Models;

namespace ZipLM.Engine.Export;

/// <summary>
/// Keys and values as inputs and outputs, under the names that exporters of language models have agreed on: what was read
/// before goes in as <c>past_key_values.{layer}.key</c> and <c>.value</c>, float32 [batch, structures, past sequence, head
/// size], and comes out with the new tokens behind it as <c>present.{layer}.key</c> and <c>.value</c>. A text begins with a
/// past of no tokens. Layers without attention have none.
/// </summary>
internal sealed class OnnxCache(OnnxGraph graph)
{
    private const string PastPrefix = "past_key_values.";
    private const string PresentPrefix = "present.";
    private const string PastSequence = "past_sequence";

    private static readonly string[] Parts = ["key", "value"];

    private readonly List<(string Name, string Value, Attention Attention)> _presents = [];

    /// <summary>Whether an input is one of a cache.</summary>
    public static bool IsPast(string input) => input.StartsWith(PastPrefix, StringComparison.Ordinal);

    /// <summary>The input that what comes out is given to for the next tokens; null for outputs that are none of a cache.</summary>
    public static string? PastOf(string output) =>
        output.StartsWith(PresentPrefix, StringComparison.Ordinal) ? PastPrefix + output[PresentPrefix.Length..] : null;

    /// <summary>Adds the inputs of a layer and gives them for each query head.</summary>
    public IEnumerable<string> Past(string name, int layer, Attention attention) => [.. Parts.Select(part =>
    {
        var past = graph.Input($"{PastPrefix}{layer}.{part}", TensorProto.Types.DataType.Float, OnnxModel.Batch, $"{attention.Heads}", PastSequence, $"{attention.HeadSize}");
        return Heads($"{name}.past.{part}", past, attention, Enumerable.Range(0, attention.Heads * attention.GroupSize).Select(head => head / attention.GroupSize));
    })];

    /// <summary>Names of what the attention has read then, for each query head; what of it is told apart becomes an output.</summary>
    public IEnumerable<string> Present(string name, int layer, Attention attention) => [.. Parts.Select(part =>
    {
        var present = $"{name}.present.{part}";
        _presents.Add(($"{PresentPrefix}{layer}.{part}", present, attention));
        return present;
    })];

    /// <summary>Adds the outputs.</summary>
    public void Write()
    {
        foreach (var (name, value, attention) in _presents)
        {
            var kept = Heads($"{value}.kept", value, attention, Enumerable.Range(0, attention.Heads).Select(head => head * attention.GroupSize));
            graph.Output(name, kept, OnnxModel.Batch, $"{attention.Heads}", OnnxModel.TotalSequence, $"{attention.HeadSize}");
        }
    }

    /// <summary>The heads of a value [batch, heads, sequence, head size] in an order; where none are shared they stay as they are.</summary>
    private string Heads(string name, string value, Attention attention, IEnumerable<int> order) => attention.GroupSize == 1
        ? value
        : graph.Node(name, "Gather", [value, graph.Constant(OnnxTensor.Int64($"{name}.heads", [.. order.Select(head => (long)head)]))], string.Empty, OnnxGraph.Attribute("axis", 1));
}
