using System.Management.Automation;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Reporting;

namespace ZipLM.PowerShell.Commands;

/// <summary>Measures quality, latency and size of models, and their speedup against a baseline measured in turns.</summary>
/// <example>
///   <code>Get-Model bert-3x | Measure-Model -Data (Import-TextDataset dev.tsv)</code>
///   <para>The baseline of a pruned model is the one that it was pruned from.</para>
///   <code>
///   Model                    Data             Metric      Quality       ms          Speedup
///   -----                    ----             ------      -------       --          -------
///   bert-3x                  dev              accuracy     0.8194    0.495    2.72× ± 2.0 %
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert, bert-3x | Measure-Model -Data $dev -Baseline (Get-Model bert) -OutFile results.csv -Force</code>
///   <para>Also writes a file: CSV or JSON by its extension. The dense model against itself shows what the clock of this machine is worth.</para>
///   <code>
///   Model                    Data             Metric      Quality       ms          Speedup
///   -----                    ----             ------      -------       --          -------
///   bert                     dev              accuracy     0.8428    1.391    1.02× ± 2.6 %
///   bert-3x                  dev              accuracy     0.8194    0.477    2.68× ± 2.4 %
///   </code>
/// </example>
/// <example>
///   <code>Get-Model bert-2x | Measure-Model -Data $dev, $yelp -Perturbation Typo | Format-Table Data, Perturbation, Quality, QualityChange, PerturbationChange</code>
///   <para>In and out of distribution, as they are and with misspelt words: against the dense model, and against the same texts undisturbed.</para>
///   <code>
///   Data Perturbation Quality QualityChange PerturbationChange
///   ---- ------------ ------- ------------- ------------------
///   dev               0.8028        -0.0149
///   dev  Typo         0.7775        -0.0115            -0.0252
///   yelp              0.7210        -0.0190
///   yelp Typo         0.6990        -0.0240            -0.0220
///   </code>
/// </example>
/// <example>
///   <code>(Get-Model gpt2 | Measure-Model -Data $text -SequenceLength 32 -GeneratedTokens 64).Environment.ToString()</code>
///   <para>Times how the model writes: 64 tokens one by one after a prompt of 32. A model that was pruned for that is measured so unless told otherwise.</para>
///   <code>
///   cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 32, 64 generated tokens, 2 thread(s)
///   </code>
/// </example>
[Cmdlet(VerbsDiagnostic.Measure, "Model", SupportsShouldProcess = true)]
[OutputType(typeof(ModelMeasurement), typeof(Job))]
public sealed class MeasureModelCommand : JobCommand
{
    private readonly List<ModelMeasurement> _measured = [];
    private MeasuredBaselines? _baselines;
    private string? _outFile;

    /// <summary>The model.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    public Model Model { get; set; } = null!;

    /// <summary>Data sets that say what is right, one measurement for each (of a causal language model any text); what the model was validated on unless given.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public TextDataset[] Data { get; set; } = [];

    /// <summary>Also measure on each data set with disturbed texts: Typo, Case, WordSwap. By the session's seed, so that all models read the same.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public Perturbation[] Perturbation { get; set; } = [];

    /// <summary>Share of the words that are disturbed.</summary>
    [Parameter]
    [ValidateRange(0.0, 1.0)]
    public double PerturbationRate { get; set; } = 0.1;

    /// <summary>Tokens that neighbouring windows of a long text share. A causal language model tells every token of a text but the first once, with at least so many before it: half of a window unless given. A context with its question: 128, or a third of a shorter window.</summary>
    [Parameter]
    [ValidateRange(0, 1_000_000)]
    public int? Stride { get; set; }

    /// <summary>The model that speedup and change of quality refer to; for a pruned model the one that it was pruned from unless given.</summary>
    [Parameter]
    public Model? Baseline { get; set; }

    /// <summary>Sequences in a forward pass when time is measured; what a pruned model was made for, else 1, unless given.</summary>
    [Parameter]
    [ValidateRange(1, 65536)]
    public int? BatchSize { get; set; }

    /// <summary>Tokens a sequence when time is measured; what a pruned model was made for, else the 95th percentile of the data, unless given. With -GeneratedTokens those of the prompt.</summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int? SequenceLength { get; set; }

    /// <summary>Time texts that a causal language model writes: a prompt of -SequenceLength tokens, then so many tokens one by one with the key/value cache. What a pruned model was made for, else 0, one forward pass, unless given.</summary>
    [Parameter]
    [ValidateRange(0, 1_000_000)]
    public int? GeneratedTokens { get; set; }

    /// <summary>What executes the model, for time, quality and size: Torch, or OnnxRuntime on the CPU; what a pruned model was made for, else Torch, unless given.</summary>
    [Parameter]
    public InferenceRuntime? Runtime { get; set; }

    /// <summary>CPU threads that the measured model runs on; what a pruned model was made for, else the session's unless given.</summary>
    [Parameter]
    [ValidateRange(1, 4096)]
    public int? Threads { get; set; }

    /// <summary>The number format of the runtime. Torch computes in the session's. OnnxRuntime: Float32 unless given, or Int8.</summary>
    [Parameter]
    public Precision? Precision { get; set; }

    /// <summary>Rounds, paired where there is a baseline; unless given at least 60, and as many as it takes to know the speedup, or without a baseline the time, within 1 %, for 20 seconds at most.</summary>
    [Parameter]
    [ValidateRange(3, 100_000)]
    public int? Rounds { get; set; }

    /// <summary>Also write the measurements to this file: .csv or .json.</summary>
    [Parameter]
    [ValidatePattern(@"\.(csv|json)$")]
    public string? OutFile { get; set; }

    /// <summary>Overwrite the file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Return a job at once.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    private protected override bool InJob => AsJob;

    /// <inheritdoc />
    protected override void BeginProcessing()
    {
        RequireOrEnd(() => RuntimeChoice.From(Runtime, Precision, null, Threads)?.Require());
        if (OutFile is null)
        {
            return;
        }

        try
        {
            _outFile = ResolvePath(OutFile);
            if (File.Exists(_outFile) && !Force)
            {
                throw new ZipLMException("FileExists", ErrorKind.Exists,
                    $"The file '{_outFile}' exists.", "Use -Force to overwrite it, or another name.", OutFile);
            }

            MeasurementFile.RequireWritable(_outFile);
        }
        catch (ZipLMException e)
        {
            ThrowTerminatingError(Errors.Record(e));
        }
    }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (!ShouldProcess(Model.Name, _outFile is null ? "Measure" : $"Measure and write to {_outFile}"))
        {
            return;
        }

        var (model, baseline, data) = (Model, Baseline, Data);
        var options = new MeasurementOptions
        {
            BatchSize = BatchSize,
            SequenceLength = SequenceLength,
            GeneratedTokens = GeneratedTokens,
            Rounds = Rounds,
            Runtime = RuntimeChoice.From(Runtime, Precision, model.Pruning?.Environment, Threads),
            Stride = Stride,
            Perturbations = Perturbation,
            PerturbationRate = PerturbationRate,
        };
        var baselines = _baselines ??= new();
        RunOrAdd(model, (output, stopping) =>
        {
            void Write(ModelMeasurement measurement)
            {
                output.Write(measurement);
                lock (_measured)
                {
                    _measured.Add(measurement);
                    if (_outFile is not null && AsJob)
                    {
                        MeasurementFile.Write(_outFile, _measured);
                    }
                }
            }

            MeasurementFlow.Run(model, baseline, data, options, Write, output, stopping, baselines);
        });
    }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        if (_outFile is { } file && !AsJob && _measured.Count > 0)
        {
            Run(OutFile!, (_, _) => MeasurementFile.Write(file, _measured));
        }

        base.EndProcessing();
    }
}
