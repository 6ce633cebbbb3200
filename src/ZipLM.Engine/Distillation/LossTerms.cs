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

    /// <summary>Tensors whose gradient by the total is known already, beside what the total's graph says; and that gradient.</summary>
    public IReadOnlyList<(Tensor Of, Tensor Gradient)> Known { get; init; } = [];

    /// <summary>Adds to the gradients of all that the losses depend on.</summary>
    public void Backward()
    {
        using var one = ones_like(Total);
        (Tensor Of, Tensor Gradient)[] roots = [.. Total.requires_grad ? [(Total, one)] : Array.Empty<(Tensor, Tensor)>(), .. Known];
        autograd.backward([.. roots.Select(r => r.Of)], [.. roots.Select(r => r.Gradient)]);
    }

    /// <summary>[total, task, logit, token] without a graph, which no dispose scope frees.</summary>
    public Tensor Detach()
    {
        using var gradients = no_grad();
        using var zero = zeros_like(Total);
        return stack([Total, Task ?? zero, Logit ?? zero, Token ?? zero]).detach().to(float64).DetachFromDisposeScope();
    }
}
