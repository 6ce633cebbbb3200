using System.Text.Json;
using ZipLM.Engine.Storage;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// The directory of one run: <c>checkpoint.safetensors</c>, which is replaced as a whole, and <c>metrics.jsonl</c>. It belongs
/// to one process at a time.
/// </summary>
internal sealed class TrainingCheckpoint : IDisposable
{
    /// <summary>Name of the file of the teacher's answers.</summary>
    public const string TeacherFile = "teacher.safetensors";
    public const string MetricsName = "metrics.jsonl";
    public const string LockName = ".lock";

    private const string Format = "1";
    private readonly RunIdentity _identity;
    private readonly string _file;
    private readonly FileStream _lock;

    /// <param name="directory">Made where there is none.</param>
    /// <exception cref="ZipLMException"><c>CheckpointInUse</c>, <c>FileNotWritable</c>.</exception>
    public TrainingCheckpoint(string directory, RunIdentity identity)
    {
        _identity = identity;
        Directory = new(directory);
        _file = Path.Combine(directory, "checkpoint.safetensors");
        var lockFile = Path.Combine(directory, LockName);
        try
        {
            Directory.Create();
            // The system frees it when its holder dies.
            _lock = new(lockFile, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        }
        catch (IOException e) when (HeldFile.Is(e))
        {
            throw new ZipLMException("TrainingCheckpointInUse", ErrorKind.InvalidOperation,
                $"Another training is using the checkpoint in '{directory}'.", "Wait for it, or give another -CheckpointPath.", directory, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.NotWritable(e, directory);
        }

        var metrics = Path.Combine(directory, MetricsName);
        Metrics = new(metrics);
        // What a kill left half written; nobody else writes here.
        foreach (var stray in new[] { _file, metrics, Path.Combine(directory, TeacherFile) }.SelectMany(f => TemporaryName.FilesBeside(f, TemporaryName.Unfinished)))
        {
            File.Delete(stray);
        }
    }

    public DirectoryInfo Directory { get; }

    /// <summary>The learning curve.</summary>
    public MetricLog Metrics { get; }

    /// <summary>How far the stored run is; null when nothing is stored.</summary>
    /// <exception cref="ZipLMException"><c>TrainingCheckpointMismatch</c> when what is stored is another run; or what is wrong with the file.</exception>
    public TrainingState? Stored
    {
        get
        {
            using var stored = File.Exists(_file) ? SafeTensorsFile.Open(_file) : null;
            return stored is null ? null : StateOf(stored.Metadata);
        }
    }

    /// <summary>What the stored run has otherwise than this one, in words, of what changes no more than rounding and memory.</summary>
    public IReadOnlyList<string> Differences { get; private set; } = [];

    /// <summary>Puts a stored run's numbers in place.</summary>
    /// <param name="best">Takes the best weights, where there are any.</param>
    /// <returns>How far it was; null when nothing is stored.</returns>
    /// <exception cref="ZipLMException"><c>TrainingCheckpointMismatch</c> when it is of another run; or what is wrong with the file.</exception>
    public TrainingState? Restore(FlatParameters parameters, AdamW optimizer, LossWindow window, Action<Tensor> best, CancellationToken cancellationToken)
    {
        if (!File.Exists(_file))
        {
            return null;
        }

        using var stored = SafeTensorsFile.Open(_file);
        var state = StateOf(stored.Metadata);
        using var gradients = no_grad();
        foreach (var (name, target) in Vectors(parameters, optimizer))
        {
            using var values = stored.Read(name, cancellationToken);
            target.copy_(values);
        }

        parameters.Publish();
        if (stored.Entries.ContainsKey("losses"))
        {
            using var losses = stored.Read("losses", cancellationToken);
            window.Restore(losses, parameters.Weights.device);
        }

        if (stored.Entries.ContainsKey("best"))
        {
            best(stored.Read("best", cancellationToken));
        }

        return state;
    }

    /// <summary>Stores a run that is between two steps.</summary>
    /// <exception cref="ZipLMException"><c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public void Save(TrainingState state, FlatParameters parameters, AdamW optimizer, LossWindow window, Tensor? best)
    {
        using var losses = window.Losses();
        (string, Tensor?)[] all = [.. Vectors(parameters, optimizer).Select(v => (v.Name, (Tensor?)v.Values)), ("losses", losses), ("best", best)];
        SafeTensorsWriter.WriteFile(
            _file,
            [.. all.Where(v => v.Item2 is not null).Select(v => (v.Item1, v.Item2!))],
            new Dictionary<string, string>
            {
                ["format"] = Format,
                ["run"] = JsonSerializer.Serialize(_identity.Values),
                ["state"] = JsonSerializer.Serialize(state),
            },
            CancellationToken.None);
    }

    public void Dispose() => _lock.Dispose();

    private static IEnumerable<(string Name, Tensor Values)> Vectors(FlatParameters parameters, AdamW optimizer) =>
        [("weights", parameters.Weights), ("exp_avg", optimizer.Mean), ("exp_avg_sq", optimizer.Square)];

    /// <summary>How far the stored run is, if it is this one.</summary>
    private TrainingState StateOf(IReadOnlyDictionary<string, string> metadata)
    {
        var stored = metadata.TryGetValue("run", out var text) && metadata.GetValueOrDefault("format") == Format && metadata.ContainsKey("state")
            ? JsonSerializer.Deserialize<Dictionary<string, string>>(text)!
            : throw new ZipLMException("TrainingCheckpointInvalid", ErrorKind.InvalidData,
                $"'{_file}' is no checkpoint of a training, or one of another version.", "Give another -CheckpointPath, or delete the file.", _file);
        Differences = _identity.Roundings(stored);
        if (_identity.Differences(stored) is { Count: > 0 } differences)
        {
            if (differences.Count == 1 && stored.TryGetValue(RunIdentity.Device, out var device) && device != _identity.Values[RunIdentity.Device])
            {
                throw new ZipLMException("TrainingCheckpointDevice", ErrorKind.InvalidOperation,
                    $"The training in '{Directory.FullName}' was begun on {device}, and this is {_identity.Values[RunIdentity.Device]}.",
                    $"Start it again where {device} works (Test-ZipLMEnvironment says why it does not), or delete the folder to begin again here.", Directory.FullName);
            }

            throw new ZipLMException("TrainingCheckpointMismatch", ErrorKind.InvalidArgument,
                $"The checkpoint in '{Directory.FullName}' is of another run: {string.Join("; ", differences)}.",
                "Repeat the command that the run was started with, or give another -CheckpointPath.", Directory.FullName);
        }

        return JsonSerializer.Deserialize<TrainingState>(metadata["state"])!;
    }
}
