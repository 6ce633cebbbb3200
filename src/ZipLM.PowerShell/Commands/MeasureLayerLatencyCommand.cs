using System.Management.Automation;
using ZipLM.Engine.Compression;

namespace ZipLM.PowerShell.Commands;

/// <summary>Measures the time of every sublayer at every level, in one environment.</summary>
/// <example>
///   <code>Get-Model bert | Measure-LayerLatency</code>
///   <para>At batch 1 and the length that 95 % of the model's data do not exceed.</para>
/// </example>
/// <example>
///   <code>Get-Model bert | Measure-LayerLatency -BatchSize 8 -SequenceLength 128 | Invoke-StructuredPrune -Speedup 3</code>
///   <para>Prunes for another environment.</para>
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

    /// <summary>Tokens a sequence; the 95th percentile of the calibration data unless given.</summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int? SequenceLength { get; set; }

    /// <summary>Interleaved rounds.</summary>
    [Parameter]
    [ValidateRange(1, 100_000)]
    public int Rounds { get; set; } = 50;

    /// <summary>Text that the length is taken from; what the model's directory records unless given.</summary>
    [Parameter]
    public TextDataset? CalibrationData { get; set; }

    /// <summary>Return a job at once.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    private protected override bool InJob => AsJob;

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var (model, data, batchSize, length, rounds) = (Model, CalibrationData, BatchSize, SequenceLength, Rounds);
        RunOrAdd(model, (output, stopping) => output.Write(LatencyFlow.Run(model, data, batchSize, length, rounds, output, stopping)));
    }
}
