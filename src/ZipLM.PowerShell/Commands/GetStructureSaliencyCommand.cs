using System.Management.Automation;
using ZipLM.Engine.Compression;

namespace ZipLM.PowerShell.Commands;

/// <summary>Ranks heads and feed-forward columns by what removing them costs; one row a structure, written as each sublayer is done.</summary>
/// <example>
///   <code>Get-Model bert | Get-StructureSaliency | Where-Object Sublayer -eq Attention</code>
///   <para>The heads, with their place in the order of removal and the error after it.</para>
/// </example>
/// <example>
///   <code>Get-Model bert | Get-StructureSaliency | Invoke-StructuredPrune -Speedup 3</code>
///   <para>Prunes by these rows.</para>
/// </example>
[Cmdlet(VerbsCommon.Get, "StructureSaliency")]
[OutputType(typeof(StructureSaliency), typeof(Job))]
public sealed class GetStructureSaliencyCommand : JobCommand
{
    /// <summary>The model.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    public Model Model { get; set; } = null!;

    /// <summary>Text; labels are not needed. What the model's directory records unless given, else the session's.</summary>
    [Parameter]
    public TextDataset? CalibrationData { get; set; }

    /// <summary>Rows that the statistics are taken from.</summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int CalibrationSamples { get; set; } = 256;

    /// <summary>Damping of the statistics, as a share of their mean diagonal.</summary>
    [Parameter]
    [ValidateRange(0.0, 1e3)]
    public double Damping { get; set; } = 1e-2;

    /// <summary>Return a job at once.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    private protected override bool InJob => AsJob;

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var (model, data, samples, damping) = (Model, CalibrationData, CalibrationSamples, Damping);
        RunOrAdd(model, (output, stopping) => SaliencyFlow.Run(model, data, samples, damping, output.Write, output, stopping));
    }
}
