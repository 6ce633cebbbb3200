using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Compression;

/// <summary>By what a checkpoint or a cache of a training is known again. Each hash is taken when it is first asked for: those of weights read them all.</summary>
internal sealed class TrainingHashes(
    TransformerModel student, TransformerModel? teacher, EncodedDataset data, EncodedDataset? validation, IReporter reporter, CancellationToken cancellationToken)
{
    private readonly Lazy<string?> _teacher = new(() => teacher is null ? null : Hash(teacher, reporter, cancellationToken));
    private readonly Lazy<string> _data = new(() => Hash(data));

    public string? Teacher => _teacher.Value;

    public string Data => _data.Value;

    /// <summary>All that the weights of a run depend on.</summary>
    public RunIdentity Identity(TrainingOptions options, int seed)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["student"] = Hash(student, reporter, cancellationToken),
            ["training data"] = Data,
            ["seed"] = Text(seed),
            [RunIdentity.Threads] = Text(student.Session.Threads),
            [RunIdentity.Device] = student.Session.Device,
            ["precision"] = student.Session.Precision.ToString(),
            ["epochs"] = Text(options.Epochs),
            ["batch size"] = Text(options.BatchSize),
            [RunIdentity.MicroBatchSize] = Text(options.MicroBatchSize ?? options.BatchSize),
            ["learning rate"] = Text(options.LearningRate),
            ["schedule"] = options.Schedule.ToString(),
            ["warm-up"] = Text(options.WarmUp),
            ["layer rate decay"] = Text(options.LayerRateDecay),
            ["weight decay"] = Text(options.WeightDecay),
            ["gradient norm"] = Text(options.MaximumGradientNorm),
            ["label smoothing"] = Text(options.LabelSmoothing),
            ["gradient checkpointing"] = options.GradientCheckpointing.ToString(),
            ["keep best"] = options.KeepBest.ToString(),
            ["patience"] = Text(options.Patience ?? 0),
            ["task weight"] = Text(options.Weights.Task),
        };
        if (validation is not null)
        {
            values["validation data"] = Hash(validation);
        }

        if (teacher is not null)
        {
            values["teacher"] = Teacher!;
            values["logit weight"] = Text(options.Weights.Logit);
            values["token weight"] = Text(options.Weights.Token);
            values["temperature"] = Text(options.Temperature);
            values["token distance"] = options.TokenDistance.ToString();
            values["layer matching"] = options.LayerMatching.ToString();
            // What is kept is rounded to half precision.
            values["cache limit"] = Text(options.CacheLimit);
        }

        return new(values);
    }

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    /// <summary>A model that is not saved has no file: so it is hashed as the one that its weights would make.</summary>
    private static string Hash(TransformerModel model, IReporter reporter, CancellationToken cancellationToken)
    {
        using var hash = SHA256.Create();
        using (var stream = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write))
        {
            SafeTensorsWriter.Write(
                stream, [.. model.Weights(reporter, cancellationToken).Parameters.Select(p => (p.Name, (TorchSharp.torch.Tensor)p.Parameter))],
                new Dictionary<string, string> { ["config"] = model.Description.Config.ToJsonString() }, cancellationToken);
        }

        return Convert.ToHexStringLower(hash.Hash!);
    }

    private static string Hash(EncodedDataset data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var row in data.Examples)
        {
            var span = row.Span ?? (-1, -1);
            hash.AppendData(MemoryMarshal.AsBytes<int>([row.Length, row.Label ?? -1, span.Start, span.End, row.FirstScored]));
            hash.AppendData(MemoryMarshal.AsBytes<double>([row.Score ?? double.NaN]));
            hash.AppendData(MemoryMarshal.AsBytes<int>(row.Ids));
            hash.AppendData(MemoryMarshal.AsBytes<int>(row.TypeIds));
        }

        // What is hidden in which epoch.
        hash.AppendData(MemoryMarshal.AsBytes<int>([data.Masking?.Seed ?? -1]));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
