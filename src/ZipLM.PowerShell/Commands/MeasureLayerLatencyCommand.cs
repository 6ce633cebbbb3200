using System.Management.Automation;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Latency;

namespace ZipLM.PowerShell.Commands;

/// <summary>Measures the time of every sublayer at every level, in one environment.</summary>
/// <example>
///   <code>(Get-Model bert | Measure-LayerLatency).Levels | Where-Object Sublayer -eq Attention</code>
///   <para>The time of an attention sublayer with all of its heads, with some, and dropped, at batch 1 and the length that 95 % of the model's data do not exceed.</para>
///   <code>
///   Sublayer        Level           ms    Spread
///   --------        -----           --    ------
///   Attention           4       0.1138   ± 3.6 %
///   Attention           3       0.1004   ± 4.7 %
///   Attention           2       0.0781   ± 5.0 %
///   Attention           1       0.0737  ± 12.9 %
///   Attention           0       0.0052   ± 3.9 %
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert | Measure-LayerLatency -BatchSize 8 -SequenceLength 64 | Invoke-StructuredPrune -Speedup 2</code>
///   <para>Prunes for another environment. The table brings its model along.</para>
///   <code>
///   Name        : bert-2x
///   Parameters  : 1.34 M
///   Target      : 2.00×
///   Predicted   : 2.06×
///   Measured    : 2.06× ± 2.3 % (100 rounds)
///   Heads       : 3 3 2 2
///   Widths      : 130 145 130 50
///   Environment : cpu (AMD EPYC), Torch 2.10.0, Float32, batch 8, length 64, 2 thread(s)
///   Saved       : not saved
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert | Measure-LayerLatency -Runtime OnnxRuntime -Precision Int8 | ForEach-Object Environment</code>
///   <para>A table for models that are served by ONNX Runtime with 8-bit weights. What is pruned with it is measured there too.</para>
///   <code>
///   Device          : cpu
///   DeviceName      : AMD EPYC
///   Runtime         : OnnxRuntime
///   Precision       : Int8
///   BatchSize       : 1
///   SequenceLength  : 47
///   Threads         : 2
///   RuntimeVersion  : 1.31.1
///   GeneratedTokens : 0
///   Fingerprint     : 0c8e5f1d2b77
///   </code>
/// </example>
/// <example>
///   <code>(Get-Model gpt2 | Measure-LayerLatency -SequenceLength 32 -GeneratedTokens 64).Environment.ToString()</code>
///   <para>A table for a model that writes: 64 tokens one by one after a prompt of 32. What is pruned with it is measured writing, too.</para>
///   <code>
///   cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 32, 64 generated tokens, 2 thread(s)
///   </code>
/// </example>
[Cmdlet(VerbsDiagnostic.Measure, "LayerLatency")]
[OutputType(typeof(LatencyTable), typeof(Job))]
public sealed class MeasureLayerLatencyCommand : JobCommand
{
    /// <summary>The model.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    public Model Model { get; set; } = null!;

    /// <summary>Sequences in a forward pass.</summary>
    [Parameter]
    [ValidateRange(1, 65536)]
    public int BatchSize { get; set; } = 1;

    /// <summary>Tokens a sequence; the 95th percentile of the calibration data unless given. With -GeneratedTokens those of the prompt.</summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int? SequenceLength { get; set; }

    /// <summary>Time texts that a causal language model writes: a prompt of -SequenceLength tokens in one pass, then so many tokens one by one with the key/value cache. Times are those of a whole text. 0 times one forward pass.</summary>
    [Parameter]
    [ValidateRange(0, 1_000_000)]
    public int GeneratedTokens { get; set; }

    /// <summary>What executes the model: Torch, on the session's device, or OnnxRuntime, on the CPU only.</summary>
    [Parameter]
    public InferenceRuntime Runtime { get; set; }

    /// <summary>CPU threads that the measured model runs on; the session's unless given.</summary>
    [Parameter]
    [ValidateRange(1, 4096)]
    public int? Threads { get; set; }

    /// <summary>The number format. Torch computes in the session's. OnnxRuntime: Float32 unless given, or Int8: 8-bit weights, activations quantised as they come.</summary>
    [Parameter]
    public Precision? Precision { get; set; }

    /// <summary>Interleaved rounds; unless given as many as it takes to know each time that counts within 2 %, for two minutes at most.</summary>
    [Parameter]
    [ValidateRange(3, 100_000)]
    public int? Rounds { get; set; }

    /// <summary>Text that the length is taken from; what the model's directory records unless given.</summary>
    [Parameter]
    public TextDataset? CalibrationData { get; set; }

    /// <summary>Return a job at once.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    private protected override bool InJob => AsJob;

    /// <inheritdoc />
    protected override void BeginProcessing() => RequireOrEnd(() => new RuntimeChoice(Runtime, Precision, Threads).Require());

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var runtime = new RuntimeChoice(Runtime, Precision, Threads);
        var (model, data, batchSize, length, generated, rounds) = (Model, CalibrationData, BatchSize, SequenceLength, GeneratedTokens, Rounds);
        RunOrAdd(model, (output, stopping) => output.Write(LatencyFlow.Run(model, data, batchSize, length, rounds, output, stopping, runtime, generated)));
    }
}
