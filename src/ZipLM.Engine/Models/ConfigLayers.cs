using System.Text.Json.Nodes;

namespace ZipLM.Engine.Models;

/// <summary>
/// <c>ziplm</c> in <c>config.json</c>: heads and width of each layer of a pruned model, where the classes of
/// <c>modeling_ziplm.py</c> read them.
/// </summary>
internal static class ConfigLayers
{
    public const string Key = "ziplm";

    private const string Shapes = "layers";

    /// <summary>What is left of each layer; null where the config doesn't say.</summary>
    /// <param name="where">The config's path, for messages.</param>
    /// <exception cref="ZipLMException">It says something else.</exception>
    public static IReadOnlyList<LayerShape>? Read(JsonObject config, string where)
    {
        if (config[Key] is not JsonObject ziplm || ziplm[Shapes] is not { } layers)
        {
            return null;
        }

        try
        {
            return layers.AsArray() is { Count: > 0 } shapes
                ? [.. shapes.Select((shape, i) => shape is JsonArray pair && pair is [{ } heads, { } width]
                    ? new LayerShape(i, heads.GetValue<int>(), width.GetValue<int>())
                    : throw new FormatException($"layer {i} is no pair of numbers."))]
                : null;
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException)
        {
            throw new ZipLMException("ModelRecordInvalid", ErrorKind.InvalidData,
                $"'{Key}.{Shapes}' in '{where}' cannot be understood: {e.Message}", "Get the model's directory again from where it came from.", where, e);
        }
    }

    /// <summary>The entry of these layers.</summary>
    public static JsonObject Create(IReadOnlyList<LayerShape> layers) =>
        new() { [Shapes] = new JsonArray([.. layers.Select(l => new JsonArray(l.Heads, l.Width))]) };
}
