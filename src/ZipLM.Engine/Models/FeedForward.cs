using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>down(activation(up(x))) with any width; the residual path is the block's.</summary>
internal sealed class FeedForward(Linear up, Linear down, Activation activation) : IDisposable
{
    public Linear Up => up;

    public Activation Activation => activation;

    public Linear Output => down;

    public int Width { get; } = (int)up.Weight.shape[0];

    public IEnumerable<WeightHolder> Holders => [up, down];

    /// <param name="x">[batch, length, hidden]</param>
    /// <param name="observe">Called with the neurons' outputs, [batch, length, width].</param>
    public Tensor Forward(Tensor x, Action<Tensor>? observe)
    {
        var neurons = activation.Apply(up.Apply(x));
        observe?.Invoke(neurons);
        return down.Apply(neurons);
    }

    /// <summary>A copy with these columns only.</summary>
    /// <param name="columns">Columns to keep, rising; at least one.</param>
    /// <param name="weight">Down projection rebuilt for them, [hidden, kept].</param>
    public FeedForward Keep(IReadOnlyList<int> columns, Tensor weight)
    {
        using var rows = tensor(columns.Select(i => (long)i).ToArray(), device: weight.device);
        return new(up.SelectRows(rows), down.WithWeight(weight), activation);
    }

    /// <summary>A copy whose output matrix is another of the same shape.</summary>
    public FeedForward WithOutput(Linear other) => new(up.Copy(), other, activation);

    public FeedForward Copy() => WithOutput(down.Copy());

    public void Dispose()
    {
        foreach (var holder in Holders)
        {
            holder.Dispose();
        }
    }
}
