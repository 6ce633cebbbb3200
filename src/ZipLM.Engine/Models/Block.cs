using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>
/// One transformer block with LayerNorm after each residual sum (post-norm, as BERT). A dropped sublayer is null:
/// the residual path and the LayerNorm stay.
/// </summary>
internal sealed class Block(
    int layer, Attention? attention, LayerNorm attentionNorm, FeedForward? feedForward, LayerNorm feedForwardNorm, double dropout) : IDisposable
{
    public int Layer => layer;

    public Attention? Attention => attention;

    public FeedForward? FeedForward => feedForward;

    public LayerNorm AttentionNorm => attentionNorm;

    public LayerNorm FeedForwardNorm => feedForwardNorm;

    public LayerShape Shape => new(layer, attention?.Heads ?? 0, feedForward?.Width ?? 0);

    public IEnumerable<WeightHolder> Holders =>
        [.. attention?.Holders ?? [], attentionNorm, .. feedForward?.Holders ?? [], feedForwardNorm];

    /// <param name="x">[batch, length, hidden]</param>
    /// <param name="mask">bool [batch, 1, 1, length] or null where there is no padding</param>
    /// <param name="options">What to do beside.</param>
    public Tensor Forward(Tensor x, Tensor? mask, ForwardOptions options) =>
        FeedForwardSublayer(AttentionSublayer(x, mask, options), options);

    /// <summary>The attention half: LayerNorm(x + attention(x)). What a latency table times.</summary>
    public Tensor AttentionSublayer(Tensor x, Tensor? mask, ForwardOptions options)
    {
        if (attention is null)
        {
            return attentionNorm.Apply(x);
        }

        var output = attention.Forward(x, mask, options.Training, Observer(Sublayer.Attention, options));
        return attentionNorm.Apply(Drop(output, options) + x);
    }

    /// <summary>The feed-forward half: LayerNorm(x + feed-forward(x)). What a latency table times.</summary>
    public Tensor FeedForwardSublayer(Tensor x, ForwardOptions options)
    {
        if (feedForward is null)
        {
            return feedForwardNorm.Apply(x);
        }

        var output = feedForward.Forward(x, Observer(Sublayer.FeedForward, options));
        return feedForwardNorm.Apply(Drop(output, options) + x);
    }

    /// <summary>A copy with other sublayers, which it then owns; null = dropped.</summary>
    public Block With(Attention? otherAttention, FeedForward? otherFeedForward) =>
        new(layer, otherAttention, attentionNorm.Copy(), otherFeedForward, feedForwardNorm.Copy(), dropout);

    public Block Copy() => With(attention?.Copy(), feedForward?.Copy());

    public void Dispose()
    {
        foreach (var holder in Holders)
        {
            holder.Dispose();
        }
    }

    private Tensor Drop(Tensor x, ForwardOptions options) =>
        options.Training && dropout > 0 ? nn.functional.dropout(x, dropout, training: true) : x;

    private Action<Tensor>? Observer(Sublayer sublayer, ForwardOptions options) =>
        options.Observe is { } observe ? x => observe(layer, sublayer, x) : null;
}
