using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>
/// Self-attention with any number of heads; the residual path is the block's. Where several query heads share a key and
/// a value (grouped-query attention, Ainslie et al., 2023), a structure is the whole group, and <see cref="Heads"/> counts groups.
/// </summary>
/// <param name="headSize">Width of one head; it does not change as heads go.</param>
/// <param name="groupSize">Query heads that share one key and value; 1 = every head has its own.</param>
/// <param name="causal">A token sees only itself and what stands before it.</param>
/// <param name="rotary">Turns queries and keys by their positions; null where positions are embedded.</param>
internal sealed class Attention(
    Linear query, Linear key, Linear value, Linear output, int headSize, double dropout,
    int groupSize = 1, bool causal = false, Rotary? rotary = null) : IDisposable
{
    public Linear Query => query;

    public Linear Key => key;

    public Linear Value => value;

    public Linear Output => output;

    public int HeadSize => headSize;

    public int GroupSize => groupSize;

    public bool Causal => causal;

    public Rotary? Rotary => rotary;

    /// <summary>Structures that are left: heads, or groups of them.</summary>
    public int Heads { get; } = (int)(key.Weight.shape[0] / headSize);

    /// <summary>Neighbouring columns of the output matrix that are one structure.</summary>
    public int StructureSize => groupSize * headSize;

    public IEnumerable<WeightHolder> Holders => [query, key, value, output];

    /// <param name="x">[batch, length, hidden]</param>
    /// <param name="mask">bool [batch, 1, 1, length], true = real token; null where there is no padding</param>
    /// <param name="training">Dropout on.</param>
    /// <param name="observe">Called with the heads' outputs, [batch, length, structures × structure size].</param>
    /// <param name="past">What the block has read before; null where the text begins with <paramref name="x"/>.</param>
    public Tensor Forward(Tensor x, Tensor? mask, bool training, Action<Tensor>? observe, KeyValueCache.Part? past = null)
    {
        var (batch, length) = (x.shape[0], x.shape[1]);
        var start = past?.Length ?? 0;
        var queries = Turned(Split(query));
        var (keys, values) = (Turned(Split(key)), Split(value));
        if (past is not null)
        {
            (keys, values) = past.Append(keys, values);
        }

        // Padding stands on the right, where a causal model never looks; a single token sees all that is there.
        var seen = !causal ? mask : start == 0 || length == 1 ? null : ones(length, start + length, ScalarType.Bool, x.device).tril(start);
        var context = nn.functional.scaled_dot_product_attention(
            queries, Shared(keys), Shared(values), seen, training ? dropout : 0, causal && start == 0);
        var merged = context.transpose(1, 2).reshape(batch, length, Heads * StructureSize);
        observe?.Invoke(merged);
        return output.Apply(merged);

        Tensor Split(Linear projection) => projection.Apply(x).view(batch, length, -1, headSize).transpose(1, 2);

        Tensor Turned(Tensor heads) => rotary?.Apply(heads, start) ?? heads;

        Tensor Shared(Tensor heads) => groupSize == 1 ? heads
            : heads.unsqueeze(2).expand(-1, -1, groupSize, -1, -1).flatten(1, 2);
    }

    /// <summary>A copy with these structures only.</summary>
    /// <param name="heads">Structures to keep, rising; at least one.</param>
    /// <param name="weight">Output matrix rebuilt for them, [hidden, kept × structure size].</param>
    public Attention Keep(IReadOnlyList<int> heads, Tensor weight)
    {
        using var own = Rows(headSize);
        using var shared = Rows(StructureSize);
        return With(query.SelectRows(shared), key.SelectRows(own), value.SelectRows(own), output.WithWeight(weight));

        Tensor Rows(int size) =>
            tensor(heads.SelectMany(h => Enumerable.Range(h * size, size)).Select(i => (long)i).ToArray(), device: weight.device);
    }

    /// <summary>A copy whose output matrix is another of the same shape.</summary>
    public Attention WithOutput(Linear other) => With(query.Copy(), key.Copy(), value.Copy(), other);

    public Attention Copy() => WithOutput(output.Copy());

    public void Dispose()
    {
        foreach (var holder in Holders)
        {
            holder.Dispose();
        }
    }

    private Attention With(Linear otherQuery, Linear otherKey, Linear otherValue, Linear otherOutput) =>
        new(otherQuery, otherKey, otherValue, otherOutput, headSize, dropout, groupSize, causal, rotary);
}
