using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>
/// One transformer block. Post-norm (BERT): the norm comes after each residual sum, and stays where a sublayer is dropped.
/// Pre-norm (GPT-2): it comes before the sublayer, and goes with it. A dropped sublayer is null; the residual path stays.
/// </summary>
/// <param name="attentionNorm">Null only in a pre-norm block without attention; the same for <paramref name="feedForwardNorm"/>.</param>
internal sealed class Block(
    int layer, Attention? attention, Norm? attentionNorm, FeedForward? feedForward, Norm? feedForwardNorm, double dropout, bool preNorm = false) : IDisposable
{
    public int Layer => layer;

    public Attention? Attention => attention;

    public FeedForward? FeedForward => feedForward;

    public Norm? AttentionNorm => attentionNorm;

    public Norm? FeedForwardNorm => feedForwardNorm;

    public bool PreNorm => preNorm;

    public LayerShape Shape => new(layer, attention?.Heads ?? 0, feedForward?.Width ?? 0);

    public IEnumerable<WeightHolder> Holders =>
        ((IEnumerable<WeightHolder?>)[.. attention?.Holders ?? [], attentionNorm, .. feedForward?.Holders ?? [], feedForwardNorm]).OfType<WeightHolder>();

    /// <param name="x">[batch, length, hidden]</param>
    /// <param name="mask">bool [batch, 1, 1, length] or null where there is no padding</param>
    /// <param name="options">What to do beside.</param>
    public Tensor Forward(Tensor x, Tensor? mask, ForwardOptions options) =>
        FeedForwardSublayer(AttentionSublayer(x, mask, options), options);

    /// <summary>The attention half: norm(x + attention(x)), or x + attention(norm(x)). What a latency table times.</summary>
    public Tensor AttentionSublayer(Tensor x, Tensor? mask, ForwardOptions options) =>
        Residual(x, attentionNorm, attention is null ? null : input => attention.Forward(input, mask, options.Training, Observer(Sublayer.Attention, options), options.Cache?.Of(layer)), options);

    /// <summary>The feed-forward half: norm(x + feed-forward(x)), or x + feed-forward(norm(x)). What a latency table times.</summary>
    public Tensor FeedForwardSublayer(Tensor x, ForwardOptions options) =>
        Residual(x, feedForwardNorm, feedForward is null ? null : input => feedForward.Forward(input, Observer(Sublayer.FeedForward, options)), options);

    /// <summary>A copy with other sublayers, which it then owns; null = dropped.</summary>
    public Block With(Attention? otherAttention, FeedForward? otherFeedForward) =>
        new(layer, otherAttention, Kept(attentionNorm, otherAttention), otherFeedForward, Kept(feedForwardNorm, otherFeedForward), dropout, preNorm);

    public Block Copy() => With(attention?.Copy(), feedForward?.Copy());

    public void Dispose()
    {
        foreach (var holder in Holders)
        {
            holder.Dispose();
        }
    }

    private Norm? Kept(Norm? norm, object? sublayer) => preNorm && sublayer is null ? null : norm?.Copy();

    private Tensor Residual(Tensor x, Norm? norm, Func<Tensor, Tensor>? sublayer, ForwardOptions options)
    {
        if (preNorm)
        {
            // An alias, because the caller may free what it gave.
            return sublayer is null ? x.alias() : x.Plus(Drop(sublayer(norm!.Apply(x)), options));
        }

        return norm!.Apply(sublayer is null ? x : Drop(sublayer(x), options).Plus(x));
    }

    private Tensor Drop(Tensor x, ForwardOptions options) =>
        options.Training && dropout > 0 ? nn.functional.dropout(x, dropout, training: true) : x;

    private Action<Tensor>? Observer(Sublayer sublayer, ForwardOptions options) =>
        options.Observe is { } observe ? x => observe(layer, sublayer, x) : null;
}
