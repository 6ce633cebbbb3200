using ZipLM.Engine.Models;

namespace ZipLM.Engine.Export;

/// <summary>The two halves of a block with their norms and the residual path, post-norm or pre-norm, dropped or not.</summary>
internal sealed class OnnxSublayers(OnnxNorms norms, OnnxAttention attention, OnnxFeedForward feedForward)
{
    public OnnxResidual Attention(Block block, OnnxResidual x)
    {
        var name = $"layer.{block.Layer}.attention";
        return Apply(name, block.PreNorm, block.AttentionNorm, x, block.Attention is { } own ? input => attention.Apply(name, block.Layer, own, input) : null);
    }

    public OnnxResidual FeedForward(Block block, OnnxResidual x)
    {
        var name = $"layer.{block.Layer}.feed_forward";
        return Apply(name, block.PreNorm, block.FeedForwardNorm, x, block.FeedForward is { } own ? input => feedForward.Apply(name, own, input) : null);
    }

    private OnnxResidual Apply(string name, bool preNorm, Norm? norm, OnnxResidual x, Func<string, (string Output, string? Bias)>? sublayer)
    {
        if (!preNorm)
        {
            var (output, bias) = sublayer?.Invoke(x.Sum) ?? default;
            return new(norms.Apply($"{name}.norm", norm!, x with { Addend = output, Bias = bias }));
        }

        if (sublayer is null)
        {
            return x;
        }

        var (normed, sum) = norms.ApplyAndSum($"{name}.norm", norm!, x);
        var (added, addedBias) = sublayer(normed);
        return new(sum, added, addedBias);
    }
}
