using TorchSharp.Modules;
using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>The weights of a model and its forward pass: embeddings, blocks, head. Owns every tensor in it.</summary>
/// <param name="finalNorm">After the last block, in pre-norm models.</param>
internal sealed class Transformer(TokenEmbeddings embeddings, IReadOnlyList<Block> blocks, Head? head, Norm? finalNorm = null) : IDisposable
{
    public TokenEmbeddings Embeddings => embeddings;

    public IReadOnlyList<Block> Blocks => blocks;

    public Norm? FinalNorm => finalNorm;

    public Head? Head => head;

    public Device Device => embeddings.Device;

    public IReadOnlyList<LayerShape> Shapes => [.. blocks.Select(b => b.Shape)];

    /// <summary>Every parameter with its name in a checkpoint, in the order of a checkpoint.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> Parameters =>
        Holders.SelectMany(h => h.Parameters);

    private IEnumerable<WeightHolder> Holders =>
        [.. embeddings.Holders, .. blocks.SelectMany(b => b.Holders), .. finalNorm is null ? [] : new[] { finalNorm }, .. head?.Holders ?? []];

    public long Bytes => Parameters.Sum(p => p.Parameter.numel() * p.Parameter.element_size());

    /// <summary>Whether the head gives one answer a sequence, [batch, labels].</summary>
    public bool AnswersOnceASequence => head is FirstTokenHead or LastTokenHead;

    public ModelOutput Forward(Batch batch, ForwardOptions? options = null)
    {
        options ??= ForwardOptions.Inference;
        if (options.Cache is not null && (batch.IsPadded || blocks.Any(b => b.Attention is { Causal: false })))
        {
            throw new ArgumentException("Only causal models, and texts without padding, can go on from a cache.", nameof(options));
        }

        var mask = AttentionMask(batch);
        var x = embeddings.Forward(batch, options);
        var hidden = new List<Tensor>();
        foreach (var block in blocks.TakeWhile(b => b.Layer <= (options.LastLayer ?? int.MaxValue)))
        {
            // Freed block by block: kept to the end, what lies between would take many times the memory of the weights.
            using var scope = NewDisposeScope();
            var output = block.Forward(x, mask, options).MoveToOuterDisposeScope();
            if (options.KeepHidden)
            {
                hidden.Add(output);
            }
            else
            {
                x.Dispose();
            }

            x = output;
        }

        options.Cache?.Advance((int)batch.InputIds.shape[1]);
        if (options.LastLayer is not null)
        {
            return new(x, null, hidden);
        }

        return Answer(x, batch, options) with { Hidden = hidden };
    }

    /// <summary>bool [batch, 1, 1, length], true = real token; null where there is no padding.</summary>
    public static Tensor? AttentionMask(Batch batch) => batch.IsPadded ? batch.Mask.unsqueeze(1).unsqueeze(1) : null;

    /// <summary>What comes after the blocks: the final norm and the head.</summary>
    /// <param name="x">Output of the last block, [batch, length, hidden].</param>
    public ModelOutput Answer(Tensor x, Batch batch, ForwardOptions options)
    {
        var last = finalNorm?.Apply(x) ?? x;
        return new(last, options.Head ?? head?.IsTask ?? false ? head?.Forward(last, batch, options) : null, []);
    }

    /// <summary>A copy with other blocks, which it then owns.</summary>
    public Transformer WithBlocks(IReadOnlyList<Block> others)
    {
        var ownEmbeddings = embeddings.Copy();
        return new(ownEmbeddings, others, head?.Copy(ownEmbeddings), finalNorm?.Copy());
    }

    public Transformer Copy() => WithBlocks([.. blocks.Select(b => b.Copy())]);

    /// <summary>Turns gradients of every parameter on or off; off frees those there are, which take as much memory as the weights.</summary>
    public void RequireGradients(bool require)
    {
        foreach (var (_, parameter) in Parameters)
        {
            parameter.requires_grad = require;
            if (!require)
            {
                parameter.grad = null;
            }
        }
    }

    public void Dispose()
    {
        foreach (var holder in Holders)
        {
            holder.Dispose();
        }
    }
}
