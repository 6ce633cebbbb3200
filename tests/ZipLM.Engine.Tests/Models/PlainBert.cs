using ZipLM.Engine.Models;

namespace ZipLM.Engine.Tests.Models;

/// <summary>
/// BERT as its paper has it (Devlin et al., 2018; Vaswani et al., 2017), in loops over plain numbers, one text at a time
/// and so without padding. Heads and widths are counted from the matrices, a missing matrix is a dropped sublayer.
/// </summary>
internal sealed class PlainBert(Transformer model, int headSize, double epsilon)
{
    private readonly Dictionary<string, double[]> _weights = model.Parameters.ToDictionary(p => p.Name, p => TinyBert.Values(p.Parameter));
    private readonly int _layers = model.Blocks.Count;

    /// <summary>The output of each block, [token][hidden], and the logits.</summary>
    public (List<double[][]> Hidden, double[] Logits) Forward(int[] ids, int[] types)
    {
        var words = _weights["bert.embeddings.word_embeddings.weight"];
        var positions = _weights["bert.embeddings.position_embeddings.weight"];
        var segments = _weights["bert.embeddings.token_type_embeddings.weight"];
        var size = _weights["bert.embeddings.LayerNorm.weight"].Length;
        var x = ids.Select((id, t) => Enumerable.Range(0, size)
            .Select(i => words[(id * size) + i] + positions[(t * size) + i] + segments[(types[t] * size) + i]).ToArray()).ToArray();
        x = [.. x.Select(row => Normalise(row, "bert.embeddings.LayerNorm"))];

        var hidden = new List<double[][]>();
        for (var layer = 0; layer < _layers; layer++)
        {
            var name = $"bert.encoder.layer.{layer}";
            var attended = Attend(x, name);
            x = [.. x.Select((row, t) => Normalise(Add(row, attended?[t]), $"{name}.attention.output.LayerNorm"))];
            x = [.. x.Select(row => Normalise(Add(row, FeedForward(row, name)), $"{name}.output.LayerNorm"))];
            hidden.Add(x);
        }

        var pooled = Dense(x[0], "bert.pooler.dense").Select(Math.Tanh).ToArray();
        return (hidden, Dense(pooled, "classifier"));
    }

    private double[][]? Attend(double[][] x, string name)
    {
        if (!_weights.ContainsKey($"{name}.attention.output.dense.weight"))
        {
            return null;
        }

        var queries = x.Select(row => Dense(row, $"{name}.attention.self.query")).ToArray();
        var keys = x.Select(row => Dense(row, $"{name}.attention.self.key")).ToArray();
        var values = x.Select(row => Dense(row, $"{name}.attention.self.value")).ToArray();
        var width = queries[0].Length;
        var context = x.Select(_ => new double[width]).ToArray();
        for (var head = 0; head < width; head += headSize)
        {
            for (var t = 0; t < x.Length; t++)
            {
                var scores = keys.Select(key => Enumerable.Range(head, headSize).Sum(i => queries[t][i] * key[i]) / Math.Sqrt(headSize)).ToArray();
                var exponentials = scores.Select(s => Math.Exp(s - scores.Max())).ToArray();
                for (var s = 0; s < x.Length; s++)
                {
                    for (var i = head; i < head + headSize; i++)
                    {
                        context[t][i] += exponentials[s] / exponentials.Sum() * values[s][i];
                    }
                }
            }
        }

        return [.. context.Select(row => Dense(row, $"{name}.attention.output.dense"))];
    }

    private double[]? FeedForward(double[] row, string name) =>
        _weights.ContainsKey($"{name}.output.dense.weight")
            ? Dense([.. Dense(row, $"{name}.intermediate.dense").Select(Gelu)], $"{name}.output.dense")
            : null;

    private double[] Dense(double[] x, string name)
    {
        var (weight, bias) = (_weights[$"{name}.weight"], _weights[$"{name}.bias"]);
        return [.. bias.Select((b, o) => b + Enumerable.Range(0, x.Length).Sum(i => weight[(o * x.Length) + i] * x[i]))];
    }

    private double[] Normalise(double[] x, string name)
    {
        var (weight, bias) = (_weights[$"{name}.weight"], _weights[$"{name}.bias"]);
        var mean = x.Average();
        var variance = x.Average(v => (v - mean) * (v - mean));
        return [.. x.Select((v, i) => ((v - mean) / Math.Sqrt(variance + epsilon) * weight[i]) + bias[i])];
    }

    private static double[] Add(double[] x, double[]? y) => y is null ? x : [.. x.Zip(y, (a, b) => a + b)];

    private static double Gelu(double x) => x / 2 * (1 + Erf(x / Math.Sqrt(2)));

    /// <summary>erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!: terms of one sign, so nothing cancels.</summary>
    internal static double Erf(double x)
    {
        if (Math.Abs(x) > 6)
        {
            return Math.Sign(x);
        }

        var (term, sum) = (x, x);
        for (var n = 1; Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
        {
            term *= 2 * x * x / ((2 * n) + 1);
            sum += term;
        }

        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }
}
