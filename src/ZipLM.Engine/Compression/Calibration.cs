using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Compression;

/// <summary>A model with its calibration sample: what both saliency and pruning start from.</summary>
internal sealed class Calibration
{
    private const int BatchSize = 32;

    private readonly EncodedDataset _sample;

    public Calibration(TransformerModel model, TextDataset? given, int samples, IReporter reporter, CancellationToken cancellationToken)
    {
        Model = model;
        Data = CalibrationSource.Resolve(model, given, reporter);
        _sample = model.Encode(
            CalibrationSample.Draw(Data, samples, samples, model.Session.Seed, reporter).Statistics, model.MaximumSequenceLength, cancellationToken);
    }

    public TransformerModel Model { get; }

    public TextDataset Data { get; }

    /// <summary>Rows that the statistics are taken from.</summary>
    public int Samples => _sample.Examples.Count;

    /// <summary>The 95th percentile of the sample's lengths, in tokens: the default length at which time is measured.</summary>
    public int TypicalLength => Math.Min(_sample.LengthPercentile(0.95), Model.MaximumSequenceLength);

    /// <summary>Statistics, then the surgeon's pass through every sublayer; runs on the session's worker thread.</summary>
    public PruningStore Order(double damping, IReporter reporter, CancellationToken cancellationToken, Action<PrunableSublayer>? ready = null)
    {
        using var statistics = Collect(reporter, cancellationToken);
        return PruningStore.Build(Model.Weights(reporter, cancellationToken), statistics, damping, reporter, cancellationToken, ready);
    }

    /// <summary>Statistics, with the order and the priors of rows that Get-StructureSaliency gave.</summary>
    public PruningStore Restore(IReadOnlyList<StructureSaliency> rows, double damping, IReporter reporter, CancellationToken cancellationToken)
    {
        using var statistics = Collect(reporter, cancellationToken);
        return PruningStore.Restore(Model.Weights(reporter, cancellationToken), statistics, rows, damping, reporter, cancellationToken);
    }

    private CalibrationStatistics Collect(IReporter reporter, CancellationToken cancellationToken)
    {
        reporter.Verbose($"Taking statistics of {Model.Name} from {Samples} rows of {Data.Name}.");
        return CalibrationStatistics.Collect(
            Model.Weights(reporter, cancellationToken), Batch.Sequential(_sample, BatchSize, Model.Session.TorchDevice), cancellationToken);
    }
}
