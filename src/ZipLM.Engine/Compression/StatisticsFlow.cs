using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>Statistics of a model in a directory, from which Get-StructureSaliency and Invoke-StructuredPrune read them.</summary>
internal static class StatisticsFlow
{
    /// <summary>Takes statistics, or finds that they are there.</summary>
    /// <param name="samples">Rows of the data that they are taken from, ≥ 1.</param>
    /// <param name="path">The directory.</param>
    public static void Run(TransformerModel model, TextDataset data, int samples, string path, IReporter reporter, CancellationToken cancellationToken) =>
        model.Session.Run(() =>
        {
            using var calibration = new Calibration(model, data, samples, reporter, cancellationToken) { StatisticsPath = path };
            _ = calibration.Statistics(reporter, cancellationToken);
            return true;
        }, reporter, cancellationToken);
}
