using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Compression;

/// <summary>A model with its calibration sample and the statistics of it: what both saliency and pruning start from.</summary>
internal sealed class Calibration : IDisposable
{
    private const int BatchSize = 32;

    private readonly EncodedDataset _sample;
    private CalibrationStatistics? _statistics;
    private DirectoryInfo? _temporary;

    /// <exception cref="ZipLMException">There is no data, or no row of it is asked for.</exception>
    public Calibration(TransformerModel model, TextDataset? given, int samples, IReporter reporter)
    {
        if (samples < 1)
        {
            throw new ZipLMException("CalibrationSamplesInvalid", ErrorKind.InvalidArgument,
                $"Statistics cannot be taken from {samples} rows.", "Give -CalibrationSamples of at least 1.", samples);
        }

        Model = model;
        Data = CalibrationSource.Resolve(model, given, reporter);
        _sample = EncodedDataset.Encode(
            CalibrationSample.Draw(Data, samples, samples, model.Session.Seed, reporter).Statistics, model.Tokenizer, model.MaximumSequenceLength);
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

    /// <summary>Refuses a damping that no surgeon can work with.</summary>
    /// <exception cref="ZipLMException">It is negative or not finite.</exception>
    public static void RequireDamping(double damping)
    {
        if (!(damping >= 0 && double.IsFinite(damping)))
        {
            throw new ZipLMException("DampingInvalid", ErrorKind.InvalidArgument,
                FormattableString.Invariant($"A damping of {damping} is none."), "Give -Damping of 0 or more; 0.01 is usual.", damping);
        }
    }

    /// <summary>The surgeon's pass through every sublayer; runs on the session's worker thread. Statistics are taken once; the store must go before this.</summary>
    public PruningStore Order(double damping, IReporter reporter, CancellationToken cancellationToken, Action<PrunableSublayer>? ready = null) =>
        PruningStore.Build(
            Model.Weights(reporter, cancellationToken), Statistics(reporter, cancellationToken), damping, reporter, cancellationToken, ready, CacheBytes());

    /// <summary>The same with the order and the priors of rows that Get-StructureSaliency gave.</summary>
    public PruningStore Restore(IReadOnlyList<StructureSaliency> rows, double damping, IReporter reporter, CancellationToken cancellationToken) =>
        PruningStore.Restore(
            Model.Weights(reporter, cancellationToken), Statistics(reporter, cancellationToken), rows, damping, reporter, cancellationToken, CacheBytes());

    public void Dispose()
    {
        _statistics?.Dispose();
        _statistics = null;
        if (_temporary is { Exists: true })
        {
            _temporary.Delete(recursive: true);
        }
    }

    private CalibrationStatistics Statistics(IReporter reporter, CancellationToken cancellationToken) => _statistics ??= Take(reporter, cancellationToken);

    private CalibrationStatistics Take(IReporter reporter, CancellationToken cancellationToken)
    {
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

    /// <summary>For levels that are rebuilt: an eighth of what is free once the statistics are taken.</summary>
    private long CacheBytes() =>
        Math.Min(Memory ?? long.MaxValue, Model.Session.FreeBytes is > 0 and var free ? free / 8 : PruningStore.DefaultCacheBytes);
}
