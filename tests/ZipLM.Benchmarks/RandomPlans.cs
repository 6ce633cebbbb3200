using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Benchmarks;

/// <summary>Random plans whose speedups, by the count of weights, spread evenly on a logarithmic scale over 1.2× to 8×.</summary>
internal static class RandomPlans
{
    private const double Smallest = 1.25;
    private const double Largest = 7.5;

    public static IEnumerable<LayerShape[]> Of(ModelDescription model, int count, int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var target = Smallest * Math.Pow(Largest / Smallest, (i + 0.5) / count);
            yield return Plan(model, random, target);
        }
    }

    /// <summary>Draws until the weights that are left are as many as the target says; dropped sublayers are one in eight.</summary>
    private static LayerShape[] Plan(ModelDescription model, Random random, double target)
    {
        while (true)
        {
            var typical = random.NextDouble() * 2 / target;
            LayerShape[] plan = [.. model.Layers.Select(l => new LayerShape(l.Layer, Draw(LevelGrid.Heads(model.DenseHeads)), Draw(LevelGrid.Widths(model.DenseWidth))))];
            // A head is worth 4·d_head rows of weights, a column 2; attention also multiplies queries with keys.
            var left = plan.Sum(l => (4.0 * model.HeadSize * l.Heads) + (2.0 * l.Width)) / plan.Length / ((4.0 * model.HiddenSize) + (2.0 * model.DenseWidth));
            // Embeddings, norms and head take some 2 %.
            if (Math.Abs(((left * 0.98) + 0.02) * target - 1) < 0.02)
            {
                return plan;
            }

            int Draw(IReadOnlyList<int> levels)
            {
                var share = Math.Min(random.NextDouble() * 2 * typical, 1);
                return random.Next(8) == 0 ? 0 : levels.MinBy(l => Math.Abs(l - (share * levels[0])));
            }
        }
    }
}
