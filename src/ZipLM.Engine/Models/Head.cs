using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>Turns the last hidden states into the answer of a task.</summary>
internal abstract class Head : IDisposable
{
    public abstract IEnumerable<WeightHolder> Holders { get; }

    /// <summary>Whether it answers what the model is used for.</summary>
    public virtual bool IsTask => true;

    /// <param name="hidden">[batch, length, hidden]</param>
    /// <param name="batch">Tells which tokens are padding.</param>
    /// <param name="options">Dropout or not.</param>
    /// <returns>As <see cref="ModelOutput.Logits"/> says.</returns>
    public abstract Tensor Forward(Tensor hidden, Batch batch, ForwardOptions options);

    /// <summary>A copy that shares the weights it is tied to with <paramref name="embeddings"/>.</summary>
    public abstract Head Copy(TokenEmbeddings embeddings);

    public void Dispose()
    {
        foreach (var holder in Holders)
        {
            holder.Dispose();
        }
    }

    protected static Tensor Drop(Tensor x, double dropout, ForwardOptions options) =>
        options.Training && dropout > 0 ? nn.functional.dropout(x, dropout, training: true) : x;
}
