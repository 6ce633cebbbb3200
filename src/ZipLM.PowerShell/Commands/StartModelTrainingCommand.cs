using System.Management.Automation;
using ZipLM.Engine.Distillation;

namespace ZipLM.PowerShell.Commands;

/// <summary>Trains a copy of a model on labelled text, as a job that gives the trained model.</summary>
/// <example>
///   <code>
///   $model = New-Model -Name topics -Size tiny -TrainingData $train
///   $model | Start-ModelTraining -TrainingData $train -Epochs 2 -LearningRate 1e-3 | Receive-Job -Wait
///   </code>
///   <para>Waits for the trained model. The learning curve goes to the information stream (Receive-Job -InformationAction Continue shows it, -InformationVariable curve keeps it).</para>
///   <code>
///   Name                       Parameters Heads                Widths                        Speedup Saved
///   ----                       ---------- -----                ------                        ------- -----
///   topics-trained                 1.20 M 2 × 2                2 × 512                               not saved
///   </code>
/// </example>
/// <example>
///   <code>
///   $job = Get-Model bert | Start-ModelTraining -TrainingData $train -Epochs 50
///   Stop-Job $job
///   $job
///   </code>
///   <para>Stops after the current step. A training that was stopped gives no model; with -CheckpointPath the same command goes on from there.</para>
///   <code>
///   Id     Name            PSJobTypeName   State         HasMoreData     Location             Command
///   --     ----            -------------   -----         -----------     --------             -------
///   3      Start-ModelTra… CommandJob      Stopped       True            vm                   $job = Get-Model bert | …
///   </code>
/// </example>
[Cmdlet(VerbsLifecycle.Start, "ModelTraining", SupportsShouldProcess = true)]
[OutputType(typeof(Job))]
public sealed class StartModelTrainingCommand : TrainingCommand
{
    /// <inheritdoc />
    protected override void ProcessRecord() => Train(null, options => options with { Weights = LossWeights.TaskOnly });
}
