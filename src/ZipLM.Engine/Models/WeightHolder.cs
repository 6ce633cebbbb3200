using TorchSharp.Modules;

namespace ZipLM.Engine.Models;

/// <summary>Parameters that belong together and know their name in a checkpoint.</summary>
internal abstract class WeightHolder(string name) : IDisposable
{
    /// <summary>The name in a checkpoint, without <c>.weight</c> and <c>.bias</c>.</summary>
    public string Name { get; } = name;

    /// <summary>The parameters with their full names.</summary>
    public abstract IEnumerable<(string Name, Parameter Parameter)> Parameters { get; }

    public void Dispose()
    {
        foreach (var (_, parameter) in Parameters)
        {
            parameter.Dispose();
        }
    }

    /// <summary>Makes a parameter that owns a copy of <paramref name="tensor"/> and no dispose scope frees.</summary>
    internal static Parameter Own(TorchSharp.torch.Tensor tensor)
    {
        using var detached = tensor.detach();
        return Take(detached.clone());
    }

    /// <summary>Makes a parameter of a tensor that is used for nothing else; no dispose scope frees it.</summary>
    internal static Parameter Take(TorchSharp.torch.Tensor tensor)
    {
        using (tensor)
        {
            var parameter = new Parameter(tensor, requires_grad: false);
            parameter.DetachFromDisposeScope();
            return parameter;
        }
    }
}
