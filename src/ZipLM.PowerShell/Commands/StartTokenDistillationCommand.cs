using System.Management.Automation;

namespace ZipLM.PowerShell.Commands;

/// <summary>Lets a pruned model learn from its dense teacher (labels, logits, and the hidden state of every token), as a job that gives the distilled model.</summary>
/// <example>
///   <code>Get-Model bert | Invoke-StructuredPrune -Speedup 3 | Start-TokenDistillation -LearningRate 1e-3 | Receive-Job -Wait | Export-Model -Name bert-3x -PassThru</code>
///   <para>Teacher and data are what the model's directory records.</para>
///   <code>
///   Name        : bert-3x-distilled
///   Parameters  : 1.16 M
///   Target      : 3.00×
///   Predicted   : 2.72×
///   Measured    : 3.01× ± 0.4 % (100 rounds)
///   Heads       : 0 0 2 1
///   Widths      : 56 69 56 22
///   Environment : cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 46, 2 thread(s)
///   Damping     : 0.01, condition 8.5e+5
///   Saved       : /srv/ziplm/models/bert-3x
///   </code>
/// </example>
/// <example>
///   <code>
///   $dev = Import-TextDataset dev.tsv
///   $pruned = Get-Model bert | Invoke-StructuredPrune -Speedup 2
///   $pruned | Start-TokenDistillation -TokenWeight 0 -Epochs 1 -ValidationData $dev | Receive-Job -Wait -InformationVariable curve | ForEach-Object Name
///   $curve.MessageData
///   </code>
///   <para>Without the token loss, and with the learning curve.</para>
///   <code>
///   bert-2x-distilled
///
///      Step   Epoch      Loss       Rate   Tokens/s Validation
///      ----   -----      ----       ----   -------- ----------
///        50    0.41    0.5356     3.3e-5      20895
///       100    0.82    0.4255     1.0e-5      21353
///       122    1.00    0.4016     4.5e-7      22388     0.8138
///   </code>
/// </example>
/// <example>
///   <code>$pruned | Start-TokenDistillation -Epochs 20 -ValidationData $dev -Patience 3 -CheckpointPath { "runs/$($_.Name)" } | Receive-Job -Wait | ForEach-Object Name</code>
///   <para>Ends when three validations in a row brought nothing, and gives the best weights. After a stop, or a kill, the same line goes on, if $pruned was saved and is read again by Get-Model; runs/bert-2x/metrics.jsonl has the learning curve.</para>
///   <code>
///   bert-2x-distilled
///   </code>
/// </example>
[Cmdlet(VerbsLifecycle.Start, "TokenDistillation", SupportsShouldProcess = true)]
[OutputType(typeof(Job))]
public sealed class StartTokenDistillationCommand : TrainingCommand
{
    /// <summary>The dense model to learn from; the one that the student was pruned from unless given.</summary>
    [Parameter]
    public Model? Teacher { get; set; }

    /// <summary>λ_task: weight of the cross-entropy with the labels.</summary>
    [Parameter]
    [ValidateRange(0.0, 1e6)]
    public double TaskWeight { get; set; } = 0.5;

    /// <summary>λ_logit: weight of the divergence from the teacher's logits.</summary>
    [Parameter]
    [ValidateRange(0.0, 1e6)]
    public double LogitWeight { get; set; } = 0.5;

    /// <summary>λ_token: weight of the distance from the teacher's hidden states.</summary>
    [Parameter]
    [ValidateRange(0.0, 1e6)]
    public double TokenWeight { get; set; } = 0.01;

    /// <summary>Temperature of the logit loss.</summary>
    [Parameter]
    [ValidateRange(0.01, 1000.0)]
    public double Temperature { get; set; } = 2;

    /// <summary>How far a hidden state is from the teacher's: Euclidean, or NormalizedSquared, by which every layer counts alike (then -TokenWeight 1 is usual).</summary>
    [Parameter]
    public TokenDistance TokenDistance { get; set; } = TokenDistance.Euclidean;

    /// <summary>Which block of the teacher a block learns from: Even (the same index, or the same share of the depth of a deeper teacher), or Similarity (the one most similar before training, by linear CKA).</summary>
    [Parameter]
    public LayerMatching LayerMatching { get; set; } = LayerMatching.Even;

    /// <summary>Bytes on disk for the teacher's answers, so that it is asked only once: 2 for each number of its logits and of the hidden states that are compared (BERT-base: 18 kB a token). What needs more is computed anew in each step; 0 = always. At most half of what is free.</summary>
    [Parameter]
    [ValidateRange(0, long.MaxValue)]
    public long CacheLimit { get; set; } = 4L << 30;

    /// <inheritdoc />
    protected override void ProcessRecord() => Train(Teacher, options => options with
    {
        Weights = new(TaskWeight, LogitWeight, TokenWeight),
        Temperature = Temperature,
        TokenDistance = TokenDistance,
        LayerMatching = LayerMatching,
        CacheLimit = CacheLimit,
    });
}
