using System.Management.Automation;
using ZipLM.Engine.Compression;

namespace ZipLM.PowerShell.Commands;

/// <summary>Ranks heads and feed-forward columns by what removing them costs; one row a structure, written when a model is through: the rank among all is known only then.</summary>
/// <example>
///   <code>Get-Model bert | Get-StructureSaliency | Where-Object Sublayer -eq Attention</code>
///   <para>The heads: what each would cost, its place in its sublayer's order of removal and among all structures of the model, and the error once it and those before it are gone.</para>
///   <code>
///   Layer Sublayer      Index     Saliency   Order/Rank   PriorAfter
///   ----- --------      -----     --------   ----------   ----------
///       0 Attention         0      0.03747     3 / 1973     0.100510
///       0 Attention         1      0.02096     4 / 2057     1.000000
///       0 Attention         2      0.01526     1 / 1725     0.014244
///       0 Attention         3      0.02176     2 / 1874     0.038124
///       1 Attention         0      0.01906     4 / 2059     1.000000
///       1 Attention         1      0.02666     3 / 1949     0.075952
///       1 Attention         2      0.01538     2 / 1850     0.031618
///       1 Attention         3      0.01141     1 / 1666     0.010425
///       2 Attention         0      0.01399     3 / 1915     0.054063
///       2 Attention         1      0.01093     4 / 2061     1.000000
///       2 Attention         2      0.01003     1 / 1628     0.008585
///       2 Attention         3      0.01413     2 / 1821     0.025838
///       3 Attention         0     0.006059     1 / 1515     0.005178
///       3 Attention         1      0.01202     4 / 2063     1.000000
///       3 Attention         2      0.01206     2 / 1776     0.019246
///       3 Attention         3      0.01267     3 / 1910     0.051898
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert | Get-StructureSaliency -Criterion Fisher -NoRepair | Where-Object Rank -le 5</code>
///   <para>What gradients of the loss hold to be of least use, and the error when it goes and nothing takes over its work.</para>
///   <code>
///   Layer Sublayer      Index     Saliency   Order/Rank   PriorAfter
///   ----- --------      -----     --------   ----------   ----------
///       3 FeedForward      71     3.29E-10        2 / 2     0.000009
///       3 FeedForward     137    3.519E-10        4 / 4     0.000017
///       3 FeedForward     225     5.53E-10        5 / 5     0.000021
///       3 FeedForward     426    3.391E-10        3 / 3     0.000013
///       3 FeedForward     500    3.035E-10        1 / 1     0.000003
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
///   Layer Sublayer      Index     Saliency   Order/Rank   PriorAfter
///   ----- --------      -----     --------   ----------   ----------
///       0 Attention         0       0.0264     3 / 1993     0.101652
///       0 Attention         1      0.02046     4 / 2057     1.000000
///       0 Attention         2      0.01929     1 / 1764     0.016341
///       0 Attention         3      0.02543     2 / 1906     0.039228
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert | Get-StructureSaliency -LatencyTable $table | Where-Object { $_.Layer -eq 3 -and $null -ne $_.MillisecondsAfter } | Sort-Object Sublayer, Order | Format-Table -View Level</code>
///   <para>What each level of a layer costs in accuracy and in time, side by side: what the search chooses from.</para>
///   <code>
///   Layer Sublayer        Level    PriorAfter           ms
///   ----- --------        -----    ----------           --
///       3 Attention           3      0.005178       0.1004
///       3 Attention           2      0.019246       0.0781
///       3 Attention           1      0.051898       0.0737
///       3 Attention           0      1.000000       0.0052
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

    /// <summary>By which score structures of a sublayer go. ZipLM: what the next removal adds to the error, scored again after each. Magnitude, Activation, Fisher (gradients of the loss) and Random score once, for comparison.</summary>
    [Parameter]
    public PruningCriterion Criterion { get; set; }

    /// <summary>Leave the structures that stay as they are; otherwise they take over the work of those that go, by least squares.</summary>
    [Parameter]
    public SwitchParameter NoRepair { get; set; }

    /// <summary>Damping of the statistics, as a share of their mean diagonal. One set of rows for each.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ValidateRange(0.0, 1e3)]
    public double[] Damping { get; set; } = [1e-2];

    /// <summary>A directory that keeps the statistics: read when they are of this model and data, else written.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? StatisticsPath { get; set; }

    /// <summary>A table of Measure-LayerLatency for this model: each row then tells the time of its sublayer at the level that it leaves, beside the prior.</summary>
    [Parameter]
    public LatencyTable? LatencyTable { get; set; }

    /// <summary>Return a job at once.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    private protected override bool InJob => AsJob;

    /// <inheritdoc />
    protected override void BeginProcessing() => _statisticsPath = ResolveOrEnd(StatisticsPath);

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var (model, data) = (Model, CalibrationData);
        var options = new SaliencyOptions
        {
            CalibrationSamples = CalibrationSamples,
            Criterion = Criterion,
            Repair = !NoRepair,
            Dampings = Damping,
            StatisticsPath = _statisticsPath,
            Table = LatencyTable,
        };
        if (ShouldProcess(model.Name, _statisticsPath is null ? "Rank structures" : $"Rank structures, keeping the statistics in {_statisticsPath}"))
        {
            RunOrAdd(model, (output, stopping) => SaliencyFlow.Run(model, data, options, output.Write, output, stopping));
        }
    }
}
