namespace ZipLM.Engine.Models;

/// <summary>The angles that LLaMA turns its pairs by: <c>rope_theta</c>, and how newer models stretch them for longer texts.</summary>
internal static class LlamaFrequencies
{
    /// <summary>Angle a position of each pair of a head.</summary>
    /// <exception cref="ZipLMException">The config stretches positions in a way that is not supported.</exception>
    public static IReadOnlyList<double> Of(ConfigReader config, int headSize)
    {
        // Version 5 of transformers moved both into rope_parameters.
        var scaling = config.Inner("rope_parameters") ?? config.Inner("rope_scaling");
        var theta = Above(config, scaling?.Json["rope_theta"] is null ? config.Number("rope_theta", 10000) : scaling.Number("rope_theta", 0), "rope_theta");
        var plain = Rotary.Plain(headSize, theta);
        var type = scaling is null ? "default" : scaling.Text("rope_type", scaling.Text("type", "default"));
        return type switch
        {
            "default" => plain,
            "linear" => [.. plain.Select(f => f / Required(scaling!, "factor"))],
            "llama3" => [.. plain.Select(f => Llama3(f, scaling!))],
            _ => throw config.Invalid($"the rotary positions are of the type '{type}', which is not supported (supported: default, linear, llama3)"),
        };
    }

    /// <summary>Slow turns are stretched, fast ones stay, those between are blended (Llama 3.1).</summary>
    private static double Llama3(double frequency, ConfigReader scaling)
    {
        var (factor, low, high) = (Required(scaling, "factor"), Required(scaling, "low_freq_factor"), Required(scaling, "high_freq_factor"));
        if (high <= low)
        {
            throw scaling.Invalid($"high_freq_factor {high} is not above low_freq_factor {low}");
        }

        var turns = Required(scaling, "original_max_position_embeddings") * frequency / (2 * Math.PI);
        var kept = Math.Clamp((turns - low) / (high - low), 0, 1);
        return ((1 - kept) * frequency / factor) + (kept * frequency);
    }

    private static double Required(ConfigReader scaling, string key) => Above(scaling, scaling.Number(key, 0), key);

    private static double Above(ConfigReader config, double value, string key) =>
        value > 0 ? value : throw config.Invalid(FormattableString.Invariant($"'{key}' is {value} or missing, which is not above 0"));
}
