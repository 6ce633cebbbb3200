using System.Management.Automation;
using ZipLM.Engine.Distillation;

namespace ZipLM.PowerShell.Commands;

/// <summary>Trains a copy of a model on labelled text, as a job that gives the trained model.</summary>
/// <example>
///   <code>$model | Start-ModelTraining -TrainingData $train -ValidationData $dev -Epochs 3 | Receive-Job -Wait</code>
///   <para>Waits for the trained model. The learning curve goes to the information stream (-InformationVariable curve).</para>
/// </example>
/// <example>
///   <code>$job = Get-Model bert | Start-ModelTraining -TrainingData $train; Stop-Job $job</code>
///   <para>Stops after the current step.</para>
/// </example>
[Cmdlet(VerbsLifecycle.Start, "ModelTraining", SupportsShouldProcess = true)]
[OutputType(typeof(Job))]
public sealed class StartModelTrainingCommand : TrainingCommand
{
    /// <inheritdoc />
    protected override void ProcessRecord() => Train(null, LossWeights.TaskOnly, 1);
}
