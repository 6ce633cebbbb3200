using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>
/// The compression regime: a table that has the parameters of each level in the place of its time, so that the search
/// keeps to a number of them.
/// </summary>
internal static class ParameterTable
{
    /// <param name="table">Gives the levels.</param>
    public static LatencyTable Of(TransformerModel model, LatencyTable table)
    {
        var description = model.Description with { Layers = [new(0, 0, 0)] };
        var (dropped, bare) = (Count(description), Count(description with { Layers = [] }));
        return new(model, table.Environment,
            [.. table.Levels.Select(l => l with
            {
                Milliseconds = Count(l.Sublayer == Sublayer.Attention ? description.Uniform(l.Level, 0) : description.Uniform(0, l.Level)) - dropped,
                Spread = 0,
            })],
            bare + (model.Layers.Count * (double)(dropped - bare)), Count(model.Description.Dense), 1);
    }

    private static long Count(ModelDescription description) => description.Family.Tensors(description).Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b));
}
