using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Models;

/// <summary>A model of a session: description, tokenizer, and weights that are read on first use.</summary>
internal sealed class TransformerModel : Model, IResident
{
    private readonly ModelDescription _description;
    private ModelRecord _record;
    private Tokenizer? _tokenizer;
    private Transformer? _weights;
    private string? _path;
    private CheckpointStamp? _stamp;
    private long _lastUse;
    private long _bytes;
    private bool _disposed;

    private TransformerModel(TorchSession session, string name, ModelDescription description, ModelRecord record)
    {
        Session = session;
        Name = name;
        _description = description;
        _record = record;
        session.Track(this);
    }

    /// <summary>A handle that was forgotten: torch's own finalizers free the tensors.</summary>
    ~TransformerModel() => Dispose(false);

    /// <summary>A model on disk; only its headers are read.</summary>
    public static TransformerModel FromDirectory(TorchSession session, string name, string directory)
    {
        var stamp = CheckpointStamp.Of(directory);
        var (description, record) = ModelReader.Read(directory);
        return new(session, name, description, record) { _path = directory, _stamp = stamp };
    }

    /// <summary>A model in memory, which owns its weights from here.</summary>
    public static TransformerModel FromWeights(
        TorchSession session, string name, ModelDescription description, ModelRecord record, Transformer weights, Tokenizer tokenizer)
    {
        var model = new TransformerModel(session, name, description with { Layers = weights.Shapes }, record) { _tokenizer = tokenizer };
        model.Hold(weights);
        return model;
    }

    /// <summary>The engine's own view of a model that a user passed.</summary>
    public static TransformerModel Of(Model model) => (TransformerModel)model;

    // Not public: a model is written to XML and JSON with all of its public properties.
    internal TorchSession Session { get; }

    internal ModelDescription Description => _description;

    /// <inheritdoc />
    public override string Name { get; }

    /// <summary>Null as well when another model was written there while the weights are in memory alone now.</summary>
    public override string? Path => IsResident && !IsUnchanged ? null : _path;

    /// <inheritdoc />
    public override ModelState State => _disposed ? ModelState.Disposed : Path is null ? ModelState.NotSaved : ModelState.Saved;

    /// <inheritdoc />
    public override string ModelFamily => _description.ModelFamily;

    /// <inheritdoc />
    public override string Architecture => _description.Architecture;

    /// <inheritdoc />
    public override ModelTask Task => _description.Task;

    /// <inheritdoc />
    public override IReadOnlyList<LayerShape> Layers => _description.Layers;

    /// <inheritdoc />
    public override int HiddenSize => _description.HiddenSize;

    /// <inheritdoc />
    public override int DenseHeads => _description.DenseHeads;

    /// <inheritdoc />
    public override int DenseWidth => _description.DenseWidth;

    /// <inheritdoc />
    public override int VocabularySize => _description.VocabularySize;

    /// <inheritdoc />
    public override int MaximumSequenceLength => _description.MaximumSequenceLength;

    /// <inheritdoc />
    public override IReadOnlyList<string> Labels => _description.Labels;

    /// <inheritdoc />
    public override long Parameters => _description.Family.Tensors(_description).Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b));

    /// <inheritdoc />
    public override bool IsResident => !_disposed && _weights is not null;

    /// <inheritdoc />
    public override ModelRecord Record => _record;

    Model IResident.Handle => this;

    // Any thread may ask, also while the worker frees the tensors: so they are not asked.
    long IResident.ResidentBytes => _weights is null ? 0 : _bytes;

    bool IResident.CanEvict => _weights is not null && Path is not null;

    long IResident.LastUse => _lastUse;

    /// <summary>The tokenizer of its directory.</summary>
    /// <exception cref="ZipLMException">There is none, or it gives ids that the model has no embedding for.</exception>
    internal Tokenizer Tokenizer => _tokenizer ??= LoadTokenizer(_path!);

    /// <summary>The weights, read from disk when they are not in memory; runs on the session's worker thread.</summary>
    internal Transformer Weights(IReporter? reporter, CancellationToken cancellationToken)
    {
        if (_disposed)
        {
            throw new ZipLMException("ModelDisposed", ErrorKind.InvalidOperation,
                $"The model '{Name}' was disposed or its session disconnected.", "Read it again with Get-Model.", this);
        }

        _lastUse = Session.Tick();
        return _weights ?? Hold(Read(reporter, cancellationToken));
    }

    /// <summary>A data set as this model's tokens, with what is right as its task has it; rows longer than <paramref name="maximumLength"/> are cut, or give several windows.</summary>
    /// <param name="task">What the model is to answer; its own task unless given.</param>
    /// <param name="stride">Tokens that neighbouring windows share; what is usual for the task unless given.</param>
    /// <exception cref="ZipLMException">The data has pairs of texts, which this model does not tell apart.</exception>
    internal EncodedDataset Encode(TextDataset data, int maximumLength, CancellationToken cancellationToken, ModelTask? task = null, int? stride = null)
    {
        if (!_description.ReadsPairs && data.Examples.Any(e => e.TextPair is not null))
        {
            throw new ZipLMException("DatasetPairsUnsupported", ErrorKind.InvalidData,
                $"The data set '{data.Name}' has pairs of texts, but '{Name}' was made for single ones (type_vocab_size {_description.TextTypes}).",
                "Use a model for pairs, or import the data with -TextColumn alone.", data);
        }

        return EncodedDataset.Encode(data, Tokenizer, maximumLength, cancellationToken, task ?? Task, stride, Session.Seed);
    }

    /// <summary>Remembers what the model reached, to be written where it is saved next.</summary>
    internal void Measured(QualityRecord quality) => _record = _record with { Quality = quality };

    /// <summary>Remembers where the model was saved.</summary>
    internal void SavedTo(string directory) => (_path, _stamp) = (directory, CheckpointStamp.Of(directory));

    void IResident.Evict() => Release();

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        if (disposing)
        {
            Session.Free(Release);
        }
        else if (_weights is not null)
        {
            GC.RemoveMemoryPressure(_bytes);
        }
    }

    private bool IsUnchanged => _path is { } directory && CheckpointStamp.Of(directory) == _stamp;

    /// <summary>What is read later must be of the model whose headers were read.</summary>
    private void RequireUnchanged()
    {
        if (!IsUnchanged)
        {
            throw new ZipLMException("ModelFilesChanged", ErrorKind.InvalidData,
                $"The weights in '{_path}' have changed or gone since '{Name}' was read or saved: another model may be there now.",
                "Read what is there now with Get-Model.", _path);
        }
    }

    private Tokenizer LoadTokenizer(string directory)
    {
        RequireUnchanged();
        var tokenizer = Data.Tokenizer.Load(directory);
        return tokenizer.Count <= VocabularySize ? tokenizer : throw new ZipLMException("TokenizerVocabularyMismatch", ErrorKind.InvalidData,
            $"The tokenizer in '{directory}' has {tokenizer.Count} pieces, but the model has embeddings for {VocabularySize}.",
            "The files are not of the same model: get them again from where they came from.", directory);
    }

    private Transformer Read(IReporter? reporter, CancellationToken cancellationToken)
    {
        var tensors = _description.Family.Layout(_description).ToList();
        Session.MakeRoom(Parameters * (Session.Precision == Precision.BFloat16 ? 2 : 4), reporter);
        reporter?.Verbose($"Reading the weights of {Name} from {_path}.");
        using var checkpoint = ModelReader.Open(_path!, _description.Family);
        RequireUnchanged();
        checkpoint.Check(tensors);
        return _description.Family.Build(_description, checkpoint.Read(tensors, Session.TorchDevice, Session.ScalarType, cancellationToken));
    }

    private Transformer Hold(Transformer weights)
    {
        _bytes = weights.Bytes;
        _weights = weights;
        // The collector sees a small handle; this tells it what hangs on it, so that forgotten models go in time.
        GC.AddMemoryPressure(_bytes);
        return weights;
    }

    private void Release()
    {
        if (Interlocked.Exchange(ref _weights, null) is { } weights)
        {
            weights.Dispose();
            GC.RemoveMemoryPressure(_bytes);
        }
    }
}
