using System.Management.Automation;

namespace ZipLM.PowerShell.Commands;

/// <summary>Lets a pruned model learn from its dense teacher (labels, logits, and the hidden state of every token), as a job that gives the distilled model.</summary>
/// <example>
///   <code>Get-Model bert | Invoke-StructuredPrune -Speedup 3 | Start-TokenDistillation | Receive-Job -Wait | Export-Model -Name bert-3x</code>
///   <para>Teacher and data are what the model's directory records.</para>
/// </example>
/// <example>
///   <code>$pruned | Start-TokenDistillation -TrainingData $train -TokenWeight 0 -Epochs 5</code>
///   <para>Without the token loss.</para>
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

    /// <inheritdoc />
    protected override void ProcessRecord() => Train(Teacher, new(TaskWeight, LogitWeight, TokenWeight), Temperature);
}
