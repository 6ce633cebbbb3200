using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace ZipLM;

/// <summary>What a latency table is true for: change any of these and the times are another machine's.</summary>
/// <param name="Device">The device as torch names it: <c>cpu</c>, <c>cuda:0</c>.</param>
/// <param name="DeviceName">The processor's or graphics card's own name.</param>
/// <param name="Runtime">What executes the model.</param>
/// <param name="Precision">The number format of weights and activations.</param>
/// <param name="BatchSize">Sequences in one forward pass.</param>
/// <param name="SequenceLength">Tokens a sequence.</param>
/// <param name="Threads">Threads of the CPU that a forward pass may use.</param>
/// <param name="RuntimeVersion">The version of the runtime.</param>
public sealed record InferenceEnvironment(
    string Device,
    string DeviceName,
    InferenceRuntime Runtime,
    Precision Precision,
    int BatchSize,
    int SequenceLength,
    int Threads,
    string RuntimeVersion)
{
    /// <summary>Twelve hexadecimal digits that name this environment.</summary>
    public string Fingerprint
    {
        get
        {
            var text = string.Create(CultureInfo.InvariantCulture,
                $"{Device}|{DeviceName}|{Runtime}|{Precision}|{BatchSize}|{SequenceLength}|{Threads}|{RuntimeVersion}");
            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..12];
        }
    }

    /// <inheritdoc />
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Device} ({DeviceName}), {Runtime} {RuntimeVersion}, {Precision}, batch {BatchSize}, length {SequenceLength}, {Threads} thread(s)");
}
