using System.Management.Automation;
using ZipLM.Engine.Compression;

namespace ZipLM.PowerShell.Commands;

/// <summary>Ranks heads and feed-forward columns by what removing them costs; one row a structure, written as each sublayer is done.</summary>
/// <example>
///   <code>Get-Model bert | Get-StructureSaliency | Where-Object Sublayer -eq Attention</code>
///   <para>The heads: what each would cost, its place in the order of removal, and the error once it and those before it are gone.</para>
///   <code>
///   Layer Sublayer      Index     Saliency  Order   PriorAfter
///   ----- --------      -----     --------  -----   ----------
///       0 Attention         0     0.040451      3     0.106836
///       0 Attention         1     0.020865      4     1.000000
///       0 Attention         2     0.018971      1     0.018047
///       0 Attention         3     0.022062      2     0.042806
///       1 Attention         0     0.025084      4     1.000000
///       1 Attention         1     0.026944      2     0.040286
///       1 Attention         2     0.018480      3     0.089156
///       1 Attention         3     0.013964      1     0.012851
///       2 Attention         0     0.015787      3     0.063719
///       2 Attention         1     0.013773      4     1.000000
///       2 Attention         2     0.012008      1     0.010718
///       2 Attention         3     0.013738      2     0.027074
///       3 Attention         0     0.006141      1     0.005232
///       3 Attention         1     0.012025      4     1.000000
///       3 Attention         2     0.013321      2     0.020317
///       3 Attention         3     0.013464      3     0.055664
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert | Get-StructureSaliency -CalibrationSamples 64 | Invoke-StructuredPrune -Speedup 2</code>
///   <para>Prunes by these rows, which bring their model along.</para>
///   <code>
///   Name        : bert-2x
///   Parameters  : 1.23 M
///   Target      : 2.00×
///   Predicted   : 1.99×
///   Measured    : 2.09× ± 1.2 % (100 rounds)
///   Heads       : 2 2 1 1
///   Widths      : 85 105 69 24
///   Environment : cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 46, 2 thread(s)
///   Damping     : 0.01, condition 8.5e+5
///   Saved       : not saved
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert | Get-StructureSaliency -Damping 0.1 -StatisticsPath ./bert-statistics | Where-Object { $_.Layer -eq 0 -and $_.Sublayer -eq 'Attention' }</code>
///   <para>The statistics are taken once and kept: the next call, with another damping, reads them, and so does Invoke-StructuredPrune.</para>
///   <code>
///   Layer Sublayer      Index     Saliency  Order   PriorAfter
///   ----- --------      -----     --------  -----   ----------
///       0 Attention         0     0.042673      3     0.108311
///       0 Attention         1     0.025191      4     1.000000
///       0 Attention         2     0.019183      1     0.016353
///       0 Attention         3     0.024723      2     0.041413
///   </code>
/// </example>
[Cmdlet(VerbsCommon.Get, "StructureSaliency", SupportsShouldProcess = true)]
[OutputType(typeof(StructureSaliency), typeof(Job))]
public sealed class GetStructureSaliencyCommand : JobCommand
{
    private string? _statisticsPath;

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

    /// <summary>A directory that keeps the statistics: read when they are of this model and data, else written.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? StatisticsPath { get; set; }

    /// <summary>Return a job at once.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    private protected override bool InJob => AsJob;

    /// <inheritdoc />
    protected override void BeginProcessing() => _statisticsPath = ResolveOrEnd(StatisticsPath);

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var (model, data, samples, damping, path) = (Model, CalibrationData, CalibrationSamples, Damping, _statisticsPath);
        if (ShouldProcess(model.Name, path is null ? "Rank structures" : $"Rank structures, keeping the statistics in {path}"))
        {
            RunOrAdd(model, (output, stopping) => SaliencyFlow.Run(model, data, samples, damping, output.Write, output, stopping, path));
        }
    }
}
