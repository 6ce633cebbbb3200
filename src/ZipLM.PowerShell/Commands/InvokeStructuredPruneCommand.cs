using System.Management.Automation;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Latency;
using ZipLM.PowerShell.Arguments;

namespace ZipLM.PowerShell.Commands;

/// <summary>
/// Prunes a model to target speedups: exact removal of heads and columns, a plan by measured times, and a shrunk model that
/// is measured against the dense one.
/// </summary>
/// <example>
///   <code>Get-Model bert | Invoke-StructuredPrune -Speedup 3</code>
///   <para>One model, three times as fast at batch 1; it is in memory until Export-Model saves it.</para>
///   <code>
///   Name        : bert-3x
///   Parameters  : 1.14 M
///   Target      : 3.00×
///   Predicted   : 2.86×
///   Measured    : 3.21× ± 1.0 % (100 rounds)
///   Heads       : 0 0 1 1
///   Widths      : 56 69 56 24
///   Environment : cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 46, 2 thread(s)
///   Damping     : 0.01, condition 8.5e+5
///   Saved       : not saved
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert | Invoke-StructuredPrune -Speedup 2, 4 | ForEach-Object { $_ | Export-Model -Path "./$($_.Name)" -PassThru }</code>
///   <para>Two models from one calibration and one table, each in a directory of its own.</para>
///   <code>
///   Name        : bert-2x
///   Parameters  : 1.23 M
///   Target      : 2.00×
///   Predicted   : 1.96×
///   Measured    : 2.06× ± 0.7 % (100 rounds)
///   Heads       : 4 × 2
///   Widths      : 41 56 41 16
///   Environment : cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 46, 2 thread(s)
///   Damping     : 0.01, condition 8.5e+5
///   Saved       : /srv/data/bert-2x
///
///   Name        : bert-4x
///   Parameters  : 1.10 M
///   Target      : 4.00×
///   Predicted   : 3.68×
///   Measured    : 4.07× ± 0.7 % (100 rounds)
///   Heads       : 0 0 0 2
///   Widths      : 18 16 16 16
///   Environment : cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 46, 2 thread(s)
///   Damping     : 0.01, condition 8.5e+5
///   Saved       : /srv/data/bert-4x
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert | Invoke-StructuredPrune -Speedup 2 -Damping 1e-4, 1e-2, 1 | ForEach-Object { '{0,-7} {1:0.0000}, dense {2:0.0000}' -f $_.Pruning.Damping, $_.Pruning.Loss, $_.Pruning.DenseLoss }</code>
///   <para>How much the choice of the damping matters: a model for each, from one calibration and one table, with its loss on rows that the statistics did not see.</para>
///   <code>
///   0.0001  0.4293, dense 0.3420
///   0.01    0.4325, dense 0.3420
///   1       0.4640, dense 0.3420
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert | Invoke-StructuredPrune -LatencyTarget 0.3ms -Runtime OnnxRuntime</code>
///   <para>A model that takes at most 0.3 ms a sequence in ONNX Runtime. -ThroughputTarget 900 asks for sequences per second.</para>
///   <code>
///   Name        : bert-0.3ms
///   Parameters  : 1.21 M
///   Target      : 0.3 ms (2.23×)
///   Predicted   : 2.29×
///   Measured    : 2.28× ± 0.6 % (480 rounds)
///   Heads       : 2 1 1 1
///   Widths      : 69 85 69 24
///   Environment : cpu (AMD EPYC), OnnxRuntime 1.31.1, Float32, batch 1, length 46, 2 thread(s)
///   Damping     : 0.01, condition 8.5e+5
///   Saved       : not saved
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert | Invoke-StructuredPrune -MaximumParameters 1.3M</code>
///   <para>The smallest loss of accuracy within a number of parameters, however fast that is.</para>
///   <code>
///   Name        : bert-1.3M
///   Parameters  : 1.30 M
///   Target      : at most 1.30 M parameters
///   Predicted   : 1.49×
///   Measured    : 1.50× ± 0.9 % (300 rounds)
///   Heads       : 4 3 3 2
///   Widths      : 105 145 117 45
///   Environment : cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 46, 2 thread(s)
///   Damping     : 0.01, condition 8.5e+5
///   Saved       : not saved
///   </code>
/// </example>
/// <example>
///   <code>(Get-Model gpt2 | Invoke-StructuredPrune -SequenceLength 32 -GeneratedTokens 64 -Speedup 1.5).Pruning.Environment.ToString()</code>
///   <para>A model that writes texts 1.5 times as fast: 64 tokens one by one after a prompt of 32. -ThroughputTarget asks for texts per second.</para>
///   <code>
///   cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 32, 64 generated tokens, 2 thread(s)
///   </code>
/// </example>
[Cmdlet(VerbsLifecycle.Invoke, "StructuredPrune", DefaultParameterSetName = SpeedupSet, SupportsShouldProcess = true)]
[OutputType(typeof(Model), typeof(Job))]
public sealed class InvokeStructuredPruneCommand : JobCommand
{
    // The kind of target alone makes a parameter set: model, table and rows can each come by name while another comes from
    // the pipeline, so they belong to all.
    private const string SpeedupSet = "Speedup";
    private const string LatencySet = "Latency";
    private const string ThroughputSet = "Throughput";
    private const string ParametersSet = "Parameters";

    private readonly List<StructureSaliency> _rows = [];
    private (Model? Model, LatencyTable? Table, StructureSaliency[]? Rows) _byName;
    private string? _statisticsPath;

    /// <summary>The model; not needed where a table or rows bring it along.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    public Model? Model { get; set; }

    /// <summary>A table of Measure-LayerLatency, which brings its model along; measured now unless given.</summary>
    [Parameter(ValueFromPipeline = true)]
    public LatencyTable? LatencyTable { get; set; }

    /// <summary>All rows of Get-StructureSaliency for a model, which bring it along; found now unless given.</summary>
    [Parameter(ValueFromPipeline = true)]
    public StructureSaliency[]? Saliency { get; set; }

    /// <summary>Targets: dense time ÷ pruned time. One model each; a target that cannot be reached is an error, and the others go on.</summary>
    [Parameter(ParameterSetName = SpeedupSet, Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public double[] Speedup { get; set; } = [];

    /// <summary>Targets in place of a speedup: the time of one forward pass, or of a text with -GeneratedTokens, such as 5ms, 0.8 ms or 2s; a number is in ms.</summary>
    [Parameter(ParameterSetName = LatencySet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    [Milliseconds]
    public double[] LatencyTarget { get; set; } = [];

    /// <summary>Targets in place of a speedup: sequences per second; with -GeneratedTokens texts per second.</summary>
    [Parameter(ParameterSetName = ThroughputSet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public double[] ThroughputTarget { get; set; } = [];

    /// <summary>Targets in place of a speedup: the parameters that are left at most, such as 30M. Time does not count; it is measured all the same.</summary>
    [Parameter(ParameterSetName = ParametersSet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    [Count]
    public double[] MaximumParameters { get; set; } = [];

    /// <summary>Text; labels are not needed. What the model's directory records unless given, else the session's.</summary>
    [Parameter]
    public TextDataset? CalibrationData { get; set; }

    /// <summary>Rows that the statistics are taken from.</summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int CalibrationSamples { get; set; } = 256;

    /// <summary>By which score structures of a sublayer go. ZipLM: what the next removal adds to the error, scored again after each. Magnitude, Activation, Fisher (gradients of the loss) and Random score once, for comparison. Rows of Get-StructureSaliency bring theirs along.</summary>
    [Parameter]
    public PruningCriterion Criterion { get; set; }

    /// <summary>Leave the structures that stay as they are; otherwise they take over the work of those that go, by least squares.</summary>
    [Parameter]
    public SwitchParameter NoRepair { get; set; }

    /// <summary>Damping of the statistics, as a share of their mean diagonal. One model for each and each target; rows of Get-StructureSaliency bring theirs along.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ValidateRange(0.0, 1e3)]
    public double[] Damping { get; set; } = [1e-2];

    /// <summary>A directory that keeps the statistics: read when they are of this model and data, else written.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? StatisticsPath { get; set; }

    /// <summary>Sequences in a forward pass when time is measured; what the table was measured with, else 1, unless given.</summary>
    [Parameter]
    [ValidateRange(1, 65536)]
    public int? BatchSize { get; set; }

    /// <summary>Tokens a sequence when time is measured; what the table was measured with, else the 95th percentile of the calibration data unless given. With -GeneratedTokens those of the prompt.</summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int? SequenceLength { get; set; }

    /// <summary>Make the model fast at writing texts: the time is that of a prompt of -SequenceLength tokens and of so many tokens, one by one with the key/value cache. What the table was measured with, else 0, one forward pass, unless given.</summary>
    [Parameter]
    [ValidateRange(0, 1_000_000)]
    public int? GeneratedTokens { get; set; }

    /// <summary>Plans that the search draws for each target and compares by their loss. More take longer and lose less accuracy; 0 weighs all sublayers alike.</summary>
    [Parameter]
    [ValidateRange(0, 1_000_000)]
    public int SearchTrials { get; set; } = 200;

    /// <summary>What executes the model, which the speedup is for: Torch, on the session's device, or OnnxRuntime, on the CPU only; what the table was measured with, else Torch, unless given.</summary>
    [Parameter]
    public InferenceRuntime? Runtime { get; set; }

    /// <summary>CPU threads that the measured model runs on; what the table was measured with, else the session's unless given.</summary>
    [Parameter]
    [ValidateRange(1, 4096)]
    public int? Threads { get; set; }

    /// <summary>The number format of the runtime. Torch computes in the session's. OnnxRuntime: Float32 unless given, or Int8.</summary>
    [Parameter]
    public Precision? Precision { get; set; }

    /// <summary>Rounds of each measurement, of the speedup and of a table that is measured here; unless given as many as it takes: of the speedup at least 60, and until it is known within 1 %.</summary>
    [Parameter]
    [ValidateRange(3, 100_000)]
    public int? Rounds { get; set; }

    /// <summary>Use a latency table of another environment all the same.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Return a job at once.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    private protected override bool InJob => AsJob;

    /// <summary>A wrong target is said before the commands upstream measure for minutes.</summary>
    protected override void BeginProcessing()
    {
        _byName = (Model, LatencyTable, Saliency);
        _statisticsPath = ResolveOrEnd(StatisticsPath);
        RequireOrEnd(() =>
        {
            OneShotPruning.RequireTargets(Targets);
            RuntimeChoice.From(Runtime, Precision, LatencyTable?.Environment, Threads)?.Require();
        });
    }

    private IReadOnlyList<PruningTarget> Targets => ParameterSetName switch
    {
        LatencySet => Of(PruningTargetKind.Milliseconds, LatencyTarget),
        ThroughputSet => Of(PruningTargetKind.Throughput, ThroughputTarget),
        ParametersSet => Of(PruningTargetKind.Parameters, MaximumParameters),
        _ => Of(PruningTargetKind.Speedup, Speedup),
    };

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (_byName.Rows is null && Saliency is { } rows)
        {
            // A model's rows arrive one by one; they are complete when the pipeline ends.
            _rows.AddRange(rows);
        }
        else if ((Model ?? LatencyTable?.Model ?? Saliency?.FirstOrDefault()?.Model) is { } model)
        {
            Prune(model, LatencyTable, Saliency);
        }
        else
        {
            WriteError(Errors.Record(new ZipLMException("ModelNotGiven", ErrorKind.InvalidArgument,
                "There is no model to prune.", "Pipe one in: Get-Model bert | Invoke-StructuredPrune -Speedup 3.", Targets)));
        }
    }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        foreach (var rows in _rows.GroupBy(r => r.Model))
        {
            Prune(_byName.Model ?? rows.Key, _byName.Table, [.. rows]);
        }

        base.EndProcessing();
    }

    private void Prune(Model model, LatencyTable? table, StructureSaliency[]? rows)
    {
        var targets = Targets;
        if (!ShouldProcess(model.Name, $"Prune to {string.Join(", ", targets)}"))
        {
            return;
        }

        var data = CalibrationData;
        var options = new PruningOptions
        {
            Targets = targets,
            Runtime = RuntimeChoice.From(Runtime, Precision, table?.Environment, Threads),
            BatchSize = BatchSize,
            SequenceLength = SequenceLength,
            GeneratedTokens = GeneratedTokens,
            CalibrationSamples = CalibrationSamples,
            Criterion = IsGiven(nameof(Criterion)) ? Criterion : null,
            Repair = IsGiven(nameof(NoRepair)) ? !NoRepair : null,
            Dampings = IsGiven(nameof(Damping)) ? Damping : null,
            StatisticsPath = _statisticsPath,
            SearchTrials = SearchTrials,
            Rounds = Rounds,
            Table = table,
            Saliency = rows,
            Force = Force,
        };
        RunOrAdd(model, (output, stopping) => OneShotPruning.Run(model, data, options, output.Write, output, stopping));
    }

    private static IReadOnlyList<PruningTarget> Of(PruningTargetKind kind, double[] values) => [.. values.Select(v => new PruningTarget(kind, v))];

    private bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);
}
