using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Compression;

/// <summary>Get-StructureSaliency: one row for each structure, with its place in its sublayer and among all.</summary>
public static class SaliencyFlow
{
    /// <summary>Ranks the structures of a model.</summary>
    /// <param name="write">Receives each row once the model's pass is through: the place among all is not known before. Called on the session's worker thread.</param>
    public static void Run(
        Model model, TextDataset? calibrationData, SaliencyOptions options, Action<StructureSaliency> write,
        IReporter reporter, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        Calibration.RequireDamping(options.Dampings);
        LatencyTableFlow.RequireSameModel(options.Table, model);
        var own = TransformerModel.Of(model);
        own.Session.Run(() =>
        {
            using var calibration = new Calibration(own, calibrationData, options.CalibrationSamples, reporter, cancellationToken) { StatisticsPath = options.StatisticsPath };
            var statistics = calibration.Statistics(reporter, cancellationToken);
            var scores = calibration.Scores(options.Criterion, reporter, cancellationToken);
            foreach (var damping in options.Dampings)
            {
                var order = new RemovalOrder(options.Criterion, options.Repair, damping);
                var rows = new List<StructureSaliency>();
                using var store = PruningStore.Build(
                    own.Weights(reporter, cancellationToken), statistics, damping, reporter, cancellationToken,
                    sublayer => rows.AddRange(Rows(model, order, sublayer, options.Table)), scores, options.Repair);
                foreach (var row in Ranked(rows))
                {
                    write(row);
                }
            }

            return true;
        }, reporter, cancellationToken);
    }

    private static IEnumerable<StructureSaliency> Rows(Model model, RemovalOrder order, PrunableSublayer sublayer, LatencyTable? table)
    {
        var removal = sublayer.Removal;
        var places = new int[removal.Order.Count];
        for (var i = 0; i < places.Length; i++)
        {
            places[removal.Order[i]] = i + 1;
        }

        var times = table?.Levels.Where(l => l.Sublayer == sublayer.Sublayer).ToDictionary(l => l.Level, l => (double?)l.Milliseconds);
        return places.Select((place, index) => new StructureSaliency
        {
            Model = model,
            Layer = sublayer.Layer,
            Sublayer = sublayer.Sublayer,
            Index = index,
            Criterion = order.Criterion,
            Repair = order.Repair,
            Saliency = removal.Saliencies[index],
            Order = place,
            PriorAfter = removal.Priors[place],
            LevelAfter = places.Length - place,
            MillisecondsAfter = times?.GetValueOrDefault(places.Length - place),
            Rank = 0,
            RequestedDamping = order.Damping,
            Damping = removal.Damping,
            Condition = removal.Condition,
        });
    }

    /// <summary>The same rows in the same order, each with its place among all.</summary>
    private static IEnumerable<StructureSaliency> Ranked(IReadOnlyList<StructureSaliency> rows)
    {
        var ranks = new int[rows.Count];
        var rising = Enumerable.Range(0, rows.Count)
            .OrderBy(i => rows[i].PriorAfter).ThenBy(i => rows[i].Layer).ThenBy(i => rows[i].Sublayer).ThenBy(i => rows[i].Order);
        foreach (var (rank, i) in rising.Index())
        {
            ranks[i] = rank + 1;
        }

        return rows.Select((row, i) => row with { Rank = ranks[i] });
    }
}
