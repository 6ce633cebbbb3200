using ZipLM.Engine.Models;
using Parameter = TorchSharp.Modules.Parameter;

namespace ZipLM.Engine.Distillation;

/// <summary>A parameter and how it is trained.</summary>
/// <param name="Rate">Factor of the learning rate.</param>
/// <param name="Decays">Whether weight decay shrinks it: matrices do, biases and norms, which are vectors, don't.</param>
internal sealed record TrainedParameter(Parameter Parameter, double Rate, bool Decays)
{
    /// <summary>
    /// Those of a model. The head learns at the full rate, the last block at <paramref name="layerRateDecay"/> of it, each one
    /// below at so much of the one above, and the embeddings slowest.
    /// </summary>
    /// <param name="withHead">False where no loss asks for the head's answer: then decay alone would change it.</param>
    public static IReadOnlyList<TrainedParameter> Of(Transformer model, double layerRateDecay, bool withHead = true)
    {
        var blocks = model.Blocks;
        return
        [
            .. Members(model.Embeddings.Holders, blocks.Count + 1),
            .. blocks.SelectMany((block, i) => Members(block.Holders, blocks.Count - i)),
            .. Members(withHead && model.FinalNorm is { } norm ? [norm] : [], 0),
            .. Members(withHead && model.Head is { } head ? head.Holders : [], 0),
        ];

        IEnumerable<TrainedParameter> Members(IEnumerable<WeightHolder> holders, int below) => holders
            .SelectMany(h => h.Parameters)
            .Select(p => new TrainedParameter(p.Parameter, Math.Pow(layerRateDecay, below), p.Parameter.dim() > 1));
    }
}
