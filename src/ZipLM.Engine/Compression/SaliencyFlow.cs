using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Compression;

/// <summary>Get-StructureSaliency: one row for each structure, written as each sublayer is done.</summary>
public static class SaliencyFlow
{
    /// <summary>Ranks the structures of a model.</summary>
    /// <param name="write">Receives each row; called on the session's worker thread.</param>
    public static void Run(
        Model model, TextDataset? calibrationData, int samples, double damping, Action<StructureSaliency> write,
        IReporter reporter, CancellationToken cancellationToken)
    {
        var own = TransformerModel.Of(model);
        own.Session.Run(() =>
        {
            using var store = new Calibration(own, calibrationData, samples, reporter, cancellationToken).Order(damping, reporter, cancellationToken, sublayer =>
            {
                foreach (var row in Rows(model, sublayer))
                {
                    write(row);
                }
            });
            return true;
        }, reporter, cancellationToken);
    }

    private static IEnumerable<StructureSaliency> Rows(Model model, PrunableSublayer sublayer)
    {
        var removal = sublayer.Removal;
        var place = new int[removal.Order.Count];
        for (var i = 0; i < place.Length; i++)
        {
            place[removal.Order[i]] = i + 1;
        }

        return place.Select((order, index) => new StructureSaliency
        {
            Model = model,
            Layer = sublayer.Layer,
            Sublayer = sublayer.Sublayer,
            Index = index,
            Saliency = removal.Saliencies[index],
            Order = order,
            PriorAfter = removal.Priors[order],
            Damping = removal.Damping,
            Condition = removal.Condition,
        });
    }
}
