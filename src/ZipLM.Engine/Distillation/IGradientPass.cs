using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>One forward and backward pass.</summary>
internal interface IGradientPass
{
    /// <summary>Adds to the gradients of the student's parameters.</summary>
    /// <returns>The losses, [total, task, logit, token], without a graph; the caller owns them.</returns>
    /// <exception cref="OperationCanceledException">Gradients may have been added already.</exception>
    Tensor Run(Transformer student, TrainingPart part, StudentLoss loss, CancellationToken cancellationToken);
}
