using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>Keeps all that lies between the layers until the backward pass.</summary>
internal sealed class WholePass : IGradientPass
{
    public Tensor Run(Transformer student, TrainingPart part, StudentLoss loss, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        // A step of a large model takes seconds: this is looked at before each of its parts.
        cancellationToken.ThrowIfCancellationRequested();
        Randomness.Seed(part.Seed, student.Device);
        var words = student.Embeddings.Words;
        var taken = words.Apply(part.Batch.InputIds).detach().requires_grad_();
        var output = student.Forward(part.Batch, loss.Forward with { Words = taken });
        cancellationToken.ThrowIfCancellationRequested();
        var terms = loss.Of(output, part.Teacher, part.Batch, part.Share);
        terms.Backward();
        words.AddGradient(part.Batch.InputIds, taken.grad);
        return terms.Detach();
    }
}
