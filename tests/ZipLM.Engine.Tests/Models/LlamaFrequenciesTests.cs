using System.Text.Json.Nodes;
using Xunit;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Tests.Models;

/// <summary>Angles of LLaMA's pairs by the ways in which configs of both generations of transformers tell them.</summary>
public sealed class LlamaFrequenciesTests
{
    private static IReadOnlyList<double> Of(string config) => LlamaFrequencies.Of(new(JsonNode.Parse(config)!.AsObject(), "config.json"), 8);

    private static double[] Plain(double theta) => [1, Math.Pow(theta, -0.25), Math.Pow(theta, -0.5), Math.Pow(theta, -0.75)];

    [Theory]
    [InlineData("{}", 10000, 1)]
    [InlineData("""{ "rope_theta": 500.0, "rope_scaling": null }""", 500, 1)]
    [InlineData("""{ "rope_parameters": { "rope_theta": 500.0, "rope_type": "default" } }""", 500, 1)]
    [InlineData("""{ "rope_theta": 500.0, "rope_parameters": { "rope_type": "default" } }""", 500, 1)]
    [InlineData("""{ "rope_theta": 500.0, "rope_scaling": { "type": "linear", "factor": 4.0 } }""", 500, 4)]
    [InlineData("""{ "rope_scaling": { "rope_type": "linear", "factor": 2.5 } }""", 10000, 2.5)]
    [InlineData("""{ "rope_parameters": { "rope_theta": 100.0, "rope_type": "linear", "factor": 8.0 } }""", 100, 8)]
    public void Plain_and_linear_ones_follow_from_theta_and_factor(string config, double theta, double factor) =>
        TinyBert.AssertClose([.. Plain(theta).Select(f => f / factor)], Of(config), 1e-12);

    [Theory]
    [InlineData("""{ "rope_scaling": { "type": "linear" } }""", "factor")]
    [InlineData("""{ "rope_scaling": { "type": "linear", "factor": 0 } }""", "factor")]
    [InlineData("""{ "rope_theta": -1.0 }""", "rope_theta")]
    [InlineData("""{ "rope_parameters": { "rope_theta": 0.0, "rope_type": "default" } }""", "rope_theta")]
    [InlineData("""{ "rope_scaling": { "rope_type": "yarn", "factor": 2.0 } }""", "yarn")]
    public void Others_are_refused_with_the_key(string config, string key) =>
        Assert.Contains(key, Assert.Throws<ZipLMException>(() => Of(config)).Message, StringComparison.Ordinal);
}
