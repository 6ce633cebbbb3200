using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>The losses of one step, scalars on the device; a loss without weight is null.</summary>
internal sealed record LossTerms(LossWeights Weights, Tensor? Task, Tensor? Logit, Tensor? Token)
{
    public Tensor Total { get; } = new[] { (Weights.Task, Task), (Weights.Logit, Logit), (Weights.Token, Token) }
        .Where(t => t.Item2 is not null)
        .Select(t => t.Item2!.Times(t.Item1))
        .Aggregate((a, b) => a.Plus(b));

    /// <summary>[total, task, logit, token] without a graph, which no dispose scope frees.</summary>
    public Tensor Detach()
    {
        using var gradients = no_grad();
        using var zero = zeros_like(Total);
        return stack([Total, Task ?? zero, Logit ?? zero, Token ?? zero]).detach().to(float64).DetachFromDisposeScope();
    }
}
