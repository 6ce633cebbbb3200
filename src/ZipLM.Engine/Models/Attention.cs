using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>Multi-head self-attention with any number of heads; the residual path is the block's.</summary>
/// <param name="headSize">Width of one head; it does not change as heads go.</param>
internal sealed class Attention(Linear query, Linear key, Linear value, Linear output, int headSize, double dropout) : IDisposable
{
    public Linear Query => query;

    public Linear Key => key;

    public Linear Value => value;

    public Linear Output => output;

    public int HeadSize => headSize;

    public int Heads { get; } = (int)(query.Weight.shape[0] / headSize);

    public IEnumerable<WeightHolder> Holders => [query, key, value, output];

    /// <param name="x">[batch, length, hidden]</param>
    /// <param name="mask">bool [batch, 1, 1, length], true = real token; null where there is no padding</param>
    /// <param name="training">Dropout on.</param>
    /// <param name="observe">Called with the heads' outputs, [batch, length, heads × head size].</param>
    public Tensor Forward(Tensor x, Tensor? mask, bool training, Action<Tensor>? observe)
    {
        var (batch, length) = (x.shape[0], x.shape[1]);
        var context = nn.functional.scaled_dot_product_attention(
            Split(query), Split(key), Split(value), mask, training ? dropout : 0, false);
        var merged = context.transpose(1, 2).reshape(batch, length, Heads * headSize);
        observe?.Invoke(merged);
        return output.Apply(merged);

        Tensor Split(Linear projection) => projection.Apply(x).view(batch, length, Heads, headSize).transpose(1, 2);
    }

    /// <summary>A copy with these heads only.</summary>
    /// <param name="heads">Heads to keep, rising; at least one.</param>
    /// <param name="weight">Output matrix rebuilt for them, [hidden, kept × head size].</param>
    public Attention Keep(IReadOnlyList<int> heads, Tensor weight)
    {
        using var rows = tensor(heads.SelectMany(h => Enumerable.Range(h * headSize, headSize)).Select(i => (long)i).ToArray(), device: weight.device);
        return new(query.SelectRows(rows), key.SelectRows(rows), value.SelectRows(rows), output.WithWeight(weight), headSize, dropout);
    }

    /// <summary>A copy whose output matrix is another of the same shape.</summary>
    public Attention WithOutput(Linear other) => new(query.Copy(), key.Copy(), value.Copy(), other, headSize, dropout);

    public Attention Copy() => WithOutput(output.Copy());

    public void Dispose()
    {
        foreach (var holder in Holders)
        {
            holder.Dispose();
        }
    }
}
