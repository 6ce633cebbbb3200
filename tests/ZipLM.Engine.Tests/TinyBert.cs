using System.Text.Json.Nodes;
using TorchSharp;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests;

/// <summary>A BERT of a few thousand parameters with weights large enough that every part of it shows in the output.</summary>
internal static class TinyBert
{
    public const int Heads = 4;
    public const int Width = 24;
    public const int Hidden = 16;
    public const int Positions = 32;
    private const int Words = 35;

    public static IReadOnlyList<string> Labels { get; } = ["cat", "dog", "emu"];

    /// <summary>Special tokens and the words w0 … w34.</summary>
    public static BertTokenizer Tokenizer { get; } = new(
        [.. BertSpecialTokens.All, .. Enumerable.Range(0, Words).Select(i => $"w{i}")], new() { MaximumLength = Positions });

    /// <param name="shapes">Heads and width of each block; two dense blocks unless given.</param>
    /// <param name="change">Changes the config before it is read.</param>
    public static ModelDescription Describe(IReadOnlyList<(int Heads, int Width)>? shapes = null, Action<JsonObject>? change = null)
    {
        shapes ??= [(Heads, Width), (Heads, Width)];
        var config = Bert.NewConfig(Hidden, shapes.Count, Heads, Width, Tokenizer.Count, Positions, Labels);
        change?.Invoke(config);
        return ModelFamilies.Describe(config, "config.json") with { Layers = [.. shapes.Select((s, i) => new LayerShape(i, s.Heads, s.Width))] };
    }

    public static Transformer Create(ModelDescription description, int seed, ScalarType type = ScalarType.Float32)
    {
        var random = new Random(seed);
        return description.Family.Build(description, description.Family.Tensors(description).ToDictionary(t => t.Name, t =>
        {
            using var scope = NewDisposeScope();
            var (mean, deviation) = t.Name switch
            {
                _ when t.Shape.Length == 1 && t.Name.EndsWith(".weight", StringComparison.Ordinal) => (1.0, 0.2),
                _ when t.Name.EndsWith(".bias", StringComparison.Ordinal) => (0.0, 0.2),
                _ => (0.0, 1.5 / Math.Sqrt(t.Shape[1])),
            };
            var values = Enumerable.Range(0, (int)t.Shape.Aggregate((a, b) => a * b)).Select(_ => mean + (deviation * PlainMatrix.Gaussian(random))).ToArray();
            return WeightHolder.Own(tensor(values, t.Shape).to(type));
        }));
    }

    public static Transformer Create(int seed, ScalarType type = ScalarType.Float32) => Create(Describe(), seed, type);

    /// <summary>A model of a session with such weights.</summary>
    public static TransformerModel Model(Engine.Runtime.TorchSession session, int seed = 1, ModelDescription? description = null, ModelRecord? record = null)
    {
        description ??= Describe();
        return session.Run(
            () => TransformerModel.FromWeights(session, "tiny", description, record ?? new(), Create(description, seed, session.ScalarType), Tokenizer),
            cancellationToken: CancellationToken.None);
    }

    /// <summary>The same rows without their labels.</summary>
    public static TextDataset Unlabelled(TextDataset data) => new(data.Name, [.. data.Examples.Select(e => e with { Label = null })], []);

    /// <summary>Random texts; one in three is a pair. The label is that of the word class (w0, w3, … / w1, w4, … / w2, w5, …) that is frequent in the text.</summary>
    /// <param name="purity">Share of the words that are of the label's class.</param>
    public static TextDataset Data(int rows, int seed, int longest = 12, double purity = 0.8)
    {
        var random = new Random(seed);
        var examples = Enumerable.Range(0, rows).Select(i =>
        {
            var label = random.Next(Labels.Count);
            return new TextExample(Text(label), i % 3 == 2 ? Text(label) : null, label);
        });
        return new("toy", [.. examples], Labels);

        string Text(int label) => string.Join(' ', Enumerable.Range(0, 2 + random.Next(longest - 1)).Select(_ =>
            $"w{(random.NextDouble() < purity ? label + (3 * random.Next(Words / 3)) : random.Next(Words))}"));
    }

    public static EncodedDataset Encode(TextDataset data) => EncodedDataset.Encode(data, Tokenizer, Positions, CancellationToken.None);

    public static long ParameterCount(Transformer model) => model.Parameters.Sum(p => p.Parameter.numel());

    /// <summary>All rows of a data set as one batch, padded to the longest.</summary>
    public static Batch Batch(EncodedDataset data) =>
        new(PaddedRows.From(data, [.. Enumerable.Range(0, data.Examples.Count)]), CPU);

    /// <summary>One batch a row, hence without padding.</summary>
    public static IEnumerable<Batch> Rows(EncodedDataset data) =>
        Enumerable.Range(0, data.Examples.Count).Select(i => new Batch(PaddedRows.From(data, [i]), CPU));

    /// <summary>A tensor's values in row-major order.</summary>
    public static double[] Values(Tensor tensor) => tensor.detach().to(float64).contiguous().data<double>().ToArray();

    /// <summary>Compares two tensors, or a tensor and plain numbers, element by element.</summary>
    public static void AssertClose(IReadOnlyList<double> expected, IReadOnlyList<double> actual, double tolerance)
    {
        Xunit.Assert.Equal(expected.Count, actual.Count);
        var worst = expected.Zip(actual, (e, a) => double.IsFinite(a) ? Math.Abs(e - a) / Math.Max(1, Math.Abs(e)) : double.PositiveInfinity).Max();
        Xunit.Assert.True(worst <= tolerance, $"The largest difference is {worst:G3}, allowed are {tolerance:G3}.");
    }

    public static void AssertTensorsClose(Tensor expected, Tensor actual, double tolerance) => AssertClose(Values(expected), Values(actual), tolerance);
}
