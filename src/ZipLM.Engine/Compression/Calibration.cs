using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Compression;

/// <summary>A model with its calibration sample and the statistics of it: what both saliency and pruning start from.</summary>
internal sealed class Calibration : IDisposable
{
    private const int BatchSize = 32;

    /// <summary>With gradients all that lies between the layers stays in memory until the backward pass.</summary>
    private const int GradientBatchSize = 8;

    private readonly EncodedDataset _sample;
    private readonly TextDataset _search;
    private readonly TextDataset? _final;
    private readonly string? _shortage;
    private CalibrationStatistics? _statistics;
    private DirectoryInfo? _temporary;

    /// <exception cref="ZipLMException">There is no data, or no row of it is asked for.</exception>
    public Calibration(TransformerModel model, TextDataset? given, int samples, IReporter reporter, CancellationToken cancellationToken)
    {
        if (samples < 1)
        {
            throw new ZipLMException("CalibrationSamplesInvalid", ErrorKind.InvalidArgument,
                $"Statistics cannot be taken from {samples} rows.", "Give -CalibrationSamples of at least 1.", samples);
        }

        Model = model;
        Data = CalibrationSource.Resolve(model, given, () => HubSettings.Default(), reporter, cancellationToken);
        var drawn = CalibrationSample.Draw(LabelAlignment.AlignOrDrop(Data, model.Task, model.Labels, reporter), samples, samples, model.Session.Seed);
        _sample = Encode(drawn.Statistics, cancellationToken);
        (_search, _final, _shortage) = (drawn.Search, drawn.Final, drawn.Shortage);
    }

    public TransformerModel Model { get; }

    public TextDataset Data { get; }

    /// <summary>A directory where statistics are kept from call to call; null = they go with this.</summary>
    public string? StatisticsPath { get; init; }

    /// <summary>
    /// Bytes of statistics that may be in memory at a time; more go by way of files, a few blocks at a time. Half of what is
    /// free, unless given: the surgeon needs some as well.
    /// </summary>
    public long? Memory { get; init; }

    /// <summary>Rows that the statistics are taken from.</summary>
    public int Samples => _sample.Examples.Count;

    /// <summary>The 95th percentile of the sample's lengths, in tokens: the default length at which time is measured.</summary>
    public int TypicalLength => Math.Min(_sample.LengthPercentile(0.95), Model.MaximumSequenceLength);

    /// <summary>For levels that are rebuilt: an eighth of what is free once the statistics are taken.</summary>
    public long CacheBytes =>
        Math.Min(Memory ?? long.MaxValue, Model.Session.FreeBytes is > 0 and var free ? free / 8 : PruningStore.DefaultCacheBytes);

    /// <summary>Refuses a damping that no surgeon can work with.</summary>
    /// <exception cref="ZipLMException">It is negative or not finite.</exception>
    public static void RequireDamping(IEnumerable<double> dampings)
    {
        foreach (var damping in dampings.Where(d => !(d >= 0 && double.IsFinite(d))))
        {
            throw new ZipLMException("DampingInvalid", ErrorKind.InvalidArgument,
                FormattableString.Invariant($"A damping of {damping} is none."), "Give -Damping of 0 or more; 0.01 is usual.", damping);
        }
    }

    /// <summary>Statistics of every output matrix, taken or read once and freed with this; runs on the session's worker thread.</summary>
    public CalibrationStatistics Statistics(IReporter reporter, CancellationToken cancellationToken) => _statistics ??= Take(reporter, cancellationToken);

    public void Dispose()
    {
        _statistics?.Dispose();
        _statistics = null;
        if (_temporary is { Exists: true })
        {
            _temporary.Delete(recursive: true);
        }
    }

    private CalibrationStatistics Take(IReporter reporter, CancellationToken cancellationToken)
    {
        if (_shortage is not null)
        {
            reporter.Warning(_shortage);
        }

        var weights = Model.Weights(reporter, cancellationToken);
        var memory = Memory ?? HalfOfFree();
        var directory = StatisticsPath is { } path ? new StatisticsDirectory(path, Origin(weights, cancellationToken))
            : CalibrationStatistics.Bytes(weights) > memory ? Temporary(reporter)
            : null;
        if (StatisticsPath is not null && directory!.IsComplete(reporter))
        {
            reporter.Verbose($"Reading the statistics of {Model.Name} from {StatisticsPath}.");
            return CalibrationStatistics.Open(weights, directory, cancellationToken);
        }

        reporter.Verbose($"Taking statistics of {Model.Name} from {Samples} rows of {Data.Name}.");
        var batches = Batch.Sequential(_sample, BatchSize, Model.Session.TorchDevice);
        return directory is null
            ? CalibrationStatistics.Collect(weights, batches, cancellationToken)
            : CalibrationStatistics.Collect(weights, batches, directory, memory, cancellationToken);
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
    /// <param name="dense">What is compared with where there are no labels; null = the model itself.</param>
    public SearchLoss Loss(IReporter reporter, CancellationToken cancellationToken, TransformerModel? dense = null) => new(
        (dense ?? Model).Weights(reporter, cancellationToken),
        Encode(_search, cancellationToken), cancellationToken, _final is null ? null : Encode(_final, cancellationToken));

    /// <summary>A masked-LM head is no task: such a model is compared by its last hidden state, on texts as they are.</summary>
    private EncodedDataset Encode(TextDataset data, CancellationToken cancellationToken) => Model.Encode(
        data, Model.MaximumSequenceLength, cancellationToken, Model.Task == ModelTask.MaskedLanguageModeling ? ModelTask.FeatureExtraction : null);

    private StatisticsOrigin Origin(Transformer weights, CancellationToken cancellationToken) =>
        StatisticsOrigin.Of(Model.Name, weights, Model.Description.Config, Data.Name, _sample, cancellationToken);

    private StatisticsDirectory Temporary(IReporter reporter)
    {
        _temporary = Directory.CreateTempSubdirectory("ziplm-statistics-");
        reporter.Verbose($"The statistics of {Model.Name} are larger than memory allows: they go to {_temporary.FullName} meanwhile.");
        // Nobody else reads these, so they need no fingerprint.
        return new(_temporary.FullName, new(Model.Name, string.Empty, Data.Name, Samples, string.Empty));
    }

    /// <summary>No limit where the device does not tell what is free.</summary>
    private long HalfOfFree() => Model.Session.FreeBytes is > 0 and var free ? free / 2 : long.MaxValue;
}
