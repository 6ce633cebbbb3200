using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>Chooses which blocks are compared, and whether the teacher's answers are kept on disk.</summary>
internal static class TeachingSetup
{
    /// <summary>Most tokens from which the similarity of blocks is taken: the outputs of all blocks are held for them.</summary>
    private const int SimilarityTokens = 4096;

    private const int BatchSize = 32;

    /// <param name="weights">The student's weights before training.</param>
    /// <param name="stored">How far the run was before, if it goes on. Once it is through nothing will be asked.</param>
    public static Teaching Prepare(
        Transformer weights, TransformerModel student, TransformerModel teacher, EncodedDataset data, TrainingOptions options, int seed,
        TrainingState? stored, TrainingHashes hashes, IReporter reporter, CancellationToken cancellationToken)
    {
        var teacherWeights = teacher.Weights(reporter, cancellationToken);
        var pairs = options.Weights.Token > 0 ? Pairs(weights, student, teacherWeights, teacher, data, options, seed, reporter, cancellationToken) : null;
        try
        {
            var asked = new Teacher(teacherWeights, options.Weights, options.Temperature, pairs);
            var count = pairs?.TeacherBlocks.Count ?? 0;
            var fields = Teacher.Fields(student.Task, options.Weights, student.Labels.Count, student.VocabularySize, count, teacher.HiddenSize);
            return new(asked, pairs, stored is { Done: true } ? null : Cache(asked, fields, count, pairs, student, data, options, stored, hashes, reporter, cancellationToken));
        }
        catch
        {
            pairs?.Dispose();
            throw;
        }
    }

    /// <summary>The weights without that of the token loss where every block of the student was dropped: it has nothing to compare.</summary>
    /// <exception cref="ZipLMException">No other loss has a weight.</exception>
    public static LossWeights Comparable(LossWeights weights, TransformerModel student, IReporter reporter)
    {
        if (weights.Token == 0 || student.Layers.Any(l => l.Heads > 0 || l.Width > 0))
        {
            return weights;
        }

        var what = $"Every block of '{student.Name}' was dropped: the token loss has nothing to compare";
        if (weights is { Task: 0, Logit: 0 })
        {
            throw new ZipLMException("StudentLayersMissing", ErrorKind.InvalidOperation, $"{what}.", "Give the task or the logit loss a weight.", student);
        }

        reporter.Warning($"{what} and is left out.");
        return weights with { Token = 0 };
    }

    private static LayerPairs Pairs(
        Transformer weights, TransformerModel student, Transformer teacherWeights, TransformerModel teacher, EncodedDataset data,
        TrainingOptions options, int seed, IReporter reporter, CancellationToken cancellationToken)
    {
        var device = student.Session.TorchDevice;
        var blocks = options.LayerMatching == LayerMatching.Even
            ? LayerPairs.Even(student.Layers, teacher.Layers.Count)
            : LayerPairs.MostSimilar(student.Layers, LayerSimilarity.Of(weights, teacherWeights, Sample(), cancellationToken));
        var pairs = new LayerPairs(blocks, student.HiddenSize, teacher.HiddenSize, seed, device, student.Session.ScalarType);
        reporter.Verbose($"The token loss compares blocks (student–teacher) {pairs}{(student.HiddenSize == teacher.HiddenSize ? "" : $", by learned projections from width {student.HiddenSize} to {teacher.HiddenSize}")}.");
        return pairs;

        IEnumerable<Batch> Sample()
        {
            var rows = new int[data.Examples.Count];
            for (var i = 0; i < rows.Length; i++)
            {
                rows[i] = i;
            }

            new Random(seed).Shuffle(rows);
            var tokens = 0;
            return rows.TakeWhile((row, i) => (tokens += data.Lengths[row]) <= SimilarityTokens || i == 0).ToList().OrderBy(r => data.Lengths[r]).Chunk(BatchSize).Select(chunk => new Batch(PaddedRows.From(data, chunk), device));
        }
    }

    /// <summary>
    /// Null where the answers are computed in each step: they are asked for only once, or they need more room than there is.
    /// Several runs of one teacher ask more than once, although each row comes up once in a run.
    /// Without the hidden states on disk the teacher has to run anyway, and its logits come with them.
    /// </summary>
    private static TeacherCache? Cache(
        Teacher teacher, IReadOnlyList<CacheField> fields, int count, LayerPairs? pairs, TransformerModel student, EncodedDataset data, TrainingOptions options,
        TrainingState? stored, TrainingHashes hashes, IReporter reporter, CancellationToken cancellationToken)
    {
        if ((options.Epochs <= 1 && options.TeacherPath is null) || data.Masking is not null)
        {
            reporter.Verbose($"The teacher is asked in every step: {(data.Masking is null ? "each row comes up once" : "other tokens are hidden in each epoch")}.");
            return null;
        }

        // What is kept is rounded to half precision: a run that goes on must not choose again, however full the disk is now.
        if (stored is { CachesTeacher: false })
        {
            reporter.Verbose("The teacher is asked in every step, as it was before the stop.");
            return null;
        }

        var directory = options.TeacherPath ?? options.CheckpointPath ?? Path.GetTempPath();
        var isTemporary = (options.TeacherPath ?? options.CheckpointPath) is null;
        var origin = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["teacher"] = isTemporary ? string.Empty : hashes.Teacher!,
            ["data"] = isTemporary ? string.Empty : hashes.Data,
            ["pairs"] = pairs?.ToString() ?? string.Empty,
            ["temperature"] = options.Temperature.ToString(CultureInfo.InvariantCulture),
        };
        var path = Path.Combine(Directory.CreateDirectory(directory).FullName, options.TeacherPath is null ? TrainingCheckpoint.TeacherFile : $"{Name(origin, fields)}.safetensors");
        var bytes = TeacherCache.Bytes(fields, data);
        var size = string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:N0} MB");
        var isChosen = stored is { CachesTeacher: true } || (!isTemporary && TeacherCache.Holds(path, fields, data, origin));
        var limit = isChosen ? options.CacheLimit : Math.Min(options.CacheLimit, new DriveInfo(directory).AvailableFreeSpace / 2);
        if (bytes > limit)
        {
            reporter.Verbose(string.Create(CultureInfo.InvariantCulture,
                $"The teacher is asked in every step: its answers would take {size}, and {(limit < options.CacheLimit ? "half of the free disk space" : "-CacheLimit")} is {limit / 1e6:N0} MB."));
            return null;
        }

        reporter.Verbose($"The teacher's answers ({string.Join(", ", fields.Select(f => f.Name.Replace('_', ' ')))}) are kept in half precision in {(isTemporary ? $"a temporary file in '{directory}'" : $"'{path}'")}: {size}.");
        var device = student.Session.TorchDevice;
        return isTemporary
            ? TeacherCache.MakeTemporary(directory, teacher, fields, count, data, device, reporter, cancellationToken)
            : TeacherCache.OpenOrMake(path, teacher, fields, count, data, origin, device, reporter, cancellationToken);
    }

    /// <summary>Of answers that several runs share: other fields of the same teacher are another file.</summary>
    private static string Name(Dictionary<string, string> origin, IReadOnlyList<CacheField> fields) => Convert.ToHexStringLower(SHA256.HashData(
        Encoding.UTF8.GetBytes(string.Join('\n', origin.Select(o => $"{o.Key} {o.Value}").Concat(fields.Select(f => f.Name))))))[..16];
}
