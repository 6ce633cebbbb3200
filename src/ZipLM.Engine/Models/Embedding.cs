using TorchSharp.Modules;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>A table of vectors [count, width].</summary>
internal sealed class Embedding(string name, Parameter weight) : WeightHolder(name)
{
    public Parameter Weight => weight;

    public override IEnumerable<(string Name, Parameter Parameter)> Parameters => [(Name + ".weight", weight)];

    /// <param name="ids">int64 [batch, length]</param>
    /// <returns>[batch, length, width]</returns>
    public Tensor Apply(Tensor ids) =>
        weight.index_select(0, ids.reshape(-1)).view(ids.shape[0], ids.shape[1], weight.shape[1]);

    /// <summary>
    /// Adds to the table's gradient that of vectors which were taken from it. In place: autograd would fill a gradient of the
    /// whole table in each step, and add that.
    /// </summary>
    /// <param name="ids">int64 [batch, length]</param>
    /// <param name="gradient">[batch, length, width], or null where nothing depends on the vectors.</param>
    public void AddGradient(Tensor ids, Tensor? gradient)
    {
        if (gradient is null)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var sum = weight.grad ?? zeros_like(weight);
        var (rows, vectors) = (ids.reshape(-1), gradient.reshape(-1, weight.shape[1]));
        if (weight.dtype == ScalarType.BFloat16)
        {
            // A frequent word comes up thousands of times, and CUDA adds them one by one in the type of the sum, where each
            // would soon be less than bfloat16 can tell.
            var precise = zeros_like(weight, ScalarType.Float32);
            precise.AddRows(rows, vectors.to(ScalarType.Float32));
            sum.Increase(precise.to(ScalarType.BFloat16));
        }
        else
        {
            sum.AddRows(rows, vectors);
        }

        weight.grad = sum;
    }

    public Embedding Copy() => new(Name, Own(weight));
}
