using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using TorchSharp;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Pruning;

/// <summary>What statistics are of. The hashes decide; the names are for people.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="ModelHash">SHA-256 of its weights, as they are computed with, and of its config.</param>
/// <param name="Data">The data set's name.</param>
/// <param name="Rows">Rows of the sample.</param>
/// <param name="DataHash">SHA-256 of the sample's tokens.</param>
internal sealed record StatisticsOrigin(string Model, string ModelHash, string Data, int Rows, string DataHash)
{
    /// <summary>Takes the hashes, which reads all weights.</summary>
    public static StatisticsOrigin Of(
        string model, Transformer weights, JsonObject config, string data, EncodedDataset sample, CancellationToken cancellationToken) =>
        new(model, Hash(weights, config, cancellationToken), data, sample.Examples.Count, Hash(sample));

    /// <summary>True when statistics of the other would be the same, but for rounding.</summary>
    public bool IsSameAs(StatisticsOrigin other) => ModelHash == other.ModelHash && DataHash == other.DataHash;

    /// <inheritdoc />
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"model '{Model}' ({Short(ModelHash)}) with {Rows} rows of '{Data}' ({Short(DataHash)})");

    /// <summary>A model that is not saved has no checkpoint: so it is hashed as the file that its weights would make.</summary>
    private static string Hash(Transformer weights, JsonObject config, CancellationToken cancellationToken)
    {
        using var hash = SHA256.Create();
        using (var stream = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write))
        {
            SafeTensorsWriter.Write(
                stream, [.. weights.Parameters.Select(p => (p.Name, (torch.Tensor)p.Parameter))],
                new Dictionary<string, string> { ["config"] = Computing(config).ToJsonString() }, cancellationToken);
        }

        return Convert.ToHexStringLower(hash.Hash!);
    }

    /// <summary>The config without what it says of the files: the hashed weights are as they are computed with.</summary>
    private static JsonObject Computing(JsonObject config)
    {
        var copy = config.DeepClone().AsObject();
        copy.Remove("torch_dtype");
        copy.Remove("dtype");
        return copy;
    }

    private static string Hash(EncodedDataset sample)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var row in sample.Examples)
        {
            hash.AppendData(MemoryMarshal.AsBytes<int>([row.Length]));
            hash.AppendData(MemoryMarshal.AsBytes<int>(row.Ids));
            hash.AppendData(MemoryMarshal.AsBytes<int>(row.TypeIds));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Short(string hash) => hash[..Math.Min(hash.Length, 12)];
}
