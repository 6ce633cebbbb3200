namespace ZipLM.Engine.Models;

/// <summary>Names and shapes of the parameters of parts that every model family is made of.</summary>
internal static class TensorShapes
{
    public static IEnumerable<(string Name, long[] Shape)> Linear(string name, long outputs, long inputs, bool bias = true)
    {
        yield return ($"{name}.weight", [outputs, inputs]);
        if (bias)
        {
            yield return ($"{name}.bias", [outputs]);
        }
    }

    public static IEnumerable<(string Name, long[] Shape)> LayerNorm(string name, long size) => [($"{name}.weight", [size]), ($"{name}.bias", [size])];

    public static IEnumerable<(string Name, long[] Shape)> RmsNorm(string name, long size) => [($"{name}.weight", [size])];

    /// <summary>A decoder's own parameters.</summary>
    /// <param name="weight">Full name of its matrix; null where it is tied.</param>
    /// <param name="bias">Full name of its bias; null where it has none.</param>
    public static IEnumerable<(string Name, long[] Shape)> Decoder(ModelDescription model, string? weight, string? bias)
    {
        if (weight is not null)
        {
            yield return (weight, [model.VocabularySize, model.HiddenSize]);
        }

        if (bias is not null)
        {
            yield return (bias, [model.VocabularySize]);
        }
    }

    public static (string Name, long[] Shape) Table(string name, long count, long width) => ($"{name}.weight", [count, width]);
}
