using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Compression;

/// <summary>A model with its calibration sample: what both saliency and pruning start from.</summary>
internal sealed class Calibration
{
    private const int BatchSize = 32;

    /// <summary>With gradients all that lies between the layers stays in memory until the backward pass.</summary>
    private const int GradientBatchSize = 8;

    private readonly EncodedDataset _sample;
    private readonly TextDataset _search;

    public Calibration(TransformerModel model, TextDataset? given, int samples, IReporter reporter, CancellationToken cancellationToken)
    {
        Model = model;
        Data = CalibrationSource.Resolve(model, given, reporter);
        var drawn = CalibrationSample.Draw(LabelAlignment.AlignOrDrop(Data, model.Labels), samples, samples, model.Session.Seed, reporter);
        _sample = model.Encode(drawn.Statistics, model.MaximumSequenceLength, cancellationToken);
        _search = drawn.Search;
    }

    public TransformerModel Model { get; }

    public TextDataset Data { get; }

    /// <summary>Rows that the statistics are taken from.</summary>
    public int Samples => _sample.Examples.Count;

    /// <summary>The 95th percentile of the sample's lengths, in tokens: the default length at which time is measured.</summary>
    public int TypicalLength => Math.Min(_sample.LengthPercentile(0.95), Model.MaximumSequenceLength);

    /// <summary>Statistics of every output matrix; runs on the session's worker thread.</summary>
    public CalibrationStatistics Collect(IReporter reporter, CancellationToken cancellationToken)
    {
        reporter.Verbose($"Taking statistics of {Model.Name} from {Samples} rows of {Data.Name}.");
        return CalibrationStatistics.Collect(
            Model.Weights(reporter, cancellationToken), Batch.Sequential(_sample, BatchSize, Model.Session.TorchDevice), cancellationToken);
    }

    /// <summary>Scores by another criterion than ZipLM's, from the rows of the statistics; null for ZipLM's. Runs on the session's worker thread.</summary>
    public CriterionScores? Scores(PruningCriterion criterion, IReporter reporter, CancellationToken cancellationToken)
    {
        if (criterion == PruningCriterion.Fisher)
        {
            reporter.Verbose($"Taking gradients of {Model.Name} from {Samples} rows of {Data.Name}, {(_sample.Examples[0].Label is null ? "with labels drawn from its own answers" : "with their labels")}.");
        }

        return CriterionScores.Prepare(
            criterion, Model.Weights(reporter, cancellationToken), Batch.Sequential(_sample, GradientBatchSize, Model.Session.TorchDevice),
            Model.Session.Seed, cancellationToken);
    }

    /// <summary>The loss of pruned models on rows that the statistics are not taken from; runs on the session's worker thread.</summary>
    public SearchLoss Loss(IReporter reporter, CancellationToken cancellationToken) => new(
        Model.Weights(reporter, cancellationToken),
        Model.Encode(_search, Model.MaximumSequenceLength, cancellationToken), cancellationToken);
}
