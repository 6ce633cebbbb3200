using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>Scores of the structures of a model by a criterion other than ZipLM's; the lowest goes first.</summary>
internal sealed class CriterionScores
{
    private readonly PruningCriterion _criterion;

    /// <summary>Scores that cannot be had from W and H of the sublayer alone.</summary>
    private readonly IReadOnlyDictionary<(int Layer, Sublayer Sublayer), double[]> _found;

    private CriterionScores(PruningCriterion criterion, IReadOnlyDictionary<(int Layer, Sublayer Sublayer), double[]> found) =>
        (_criterion, _found) = (criterion, found);

    /// <summary>Prepares a criterion: for Fisher the sample goes through the model once, with gradients.</summary>
    /// <param name="sample">Batches of the calibration sample; read for Fisher alone, and disposed there.</param>
    /// <param name="seed">Seed of what is drawn at random.</param>
    /// <returns>Null for ZipLM's own criterion, which changes with every removal: its scores are the surgeon's.</returns>
    public static CriterionScores? Prepare(
        PruningCriterion criterion, Transformer model, IEnumerable<Batch> sample, int seed, CancellationToken cancellationToken) => criterion switch
    {
        PruningCriterion.ZipLM => null,
        PruningCriterion.Fisher => new(criterion, FisherInformation.Collect(model, sample, seed, cancellationToken)),
        PruningCriterion.Random => new(criterion, Draw(model, seed)),
        _ => new(criterion, new Dictionary<(int, Sublayer), double[]>()),
    };

    /// <summary>The score of each structure of a sublayer, by index.</summary>
    /// <param name="weight">W, [rows, columns].</param>
    /// <param name="hessian">H without damping, double [columns, columns].</param>
    /// <param name="size">Columns a structure.</param>
    public double[] Of(int layer, Sublayer sublayer, Tensor weight, Tensor hessian, int size)
    {
        using var scope = NewDisposeScope();
        return _criterion switch
        {
            PruningCriterion.Magnitude => Sum(weight.to(float64).Squared().sum(new long[] { 0 })),
            PruningCriterion.Activation => Sum(hessian.diagonal()),
            _ => _found[(layer, sublayer)],
        };

        double[] Sum(Tensor columns) => columns.reshape(-1, size).sum(new long[] { 1 }).cpu().data<double>().ToArray();
    }

    private static Dictionary<(int, Sublayer), double[]> Draw(Transformer model, int seed)
    {
        var random = new Random(seed);
        return model.Shapes
            .SelectMany(shape => Enum.GetValues<Sublayer>().Select(sublayer => (shape.Layer, Sublayer: sublayer, Structures: shape.Level(sublayer))))
            .ToDictionary(s => (s.Layer, s.Sublayer), s => Enumerable.Range(0, s.Structures).Select(_ => random.NextDouble()).ToArray());
    }
}
