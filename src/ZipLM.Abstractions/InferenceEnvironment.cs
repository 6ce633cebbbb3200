using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;

namespace ZipLM;

/// <summary>What a latency table is true for: change any of these and the times are another machine's.</summary>
/// <param name="Device">The device as torch names it: <c>cpu</c>, <c>cuda:0</c>.</param>
/// <param name="DeviceName">The processor's or graphics card's own name.</param>
/// <param name="Runtime">What executes the model.</param>
/// <param name="Precision">The number format of weights and activations.</param>
/// <param name="BatchSize">Sequences in one forward pass.</param>
/// <param name="SequenceLength">Tokens a sequence; of the prompt where tokens are generated.</param>
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
    /// <summary>
    /// Tokens that are written after the prompt, one by one with the key/value cache: a time is then that of the whole text,
    /// the prompt's pass and those of the tokens. 0 = a time is that of one forward pass.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int GeneratedTokens { get; init; }

    /// <summary>Twelve hexadecimal digits that name this environment.</summary>
    public string Fingerprint
    {
        get
        {
            var text = string.Create(CultureInfo.InvariantCulture,
                $"{Device}|{DeviceName}|{Runtime}|{Precision}|{BatchSize}|{SequenceLength}|{Threads}|{RuntimeVersion}{Generation("|generate ", "")}");
            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..12];
        }
    }

    /// <inheritdoc />
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Device} ({DeviceName}), {Runtime} {RuntimeVersion}, {Precision}, batch {BatchSize}, length {SequenceLength}{Generation(", ", " generated tokens")}, {Threads} thread(s)");

    /// <summary>Nothing where no token is generated, so that what was measured in one pass keeps its name.</summary>
    private string Generation(string before, string after) =>
        GeneratedTokens > 0 ? string.Create(CultureInfo.InvariantCulture, $"{before}{GeneratedTokens}{after}") : string.Empty;
}
