using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Evaluation;

/// <summary>
/// Metrics of a language model. Causal: perplexity, e to the mean cross-entropy of every token but the first of each text,
/// each told once. Masked: share of the hidden tokens that are told right, and e to their mean cross-entropy.
/// </summary>
internal sealed class TokenScorer(bool isMasked) : Scorer
{
    public const string Perplexity = "perplexity";

    private long _right;
    private long _all;

    public override void Add(Tensor logits, Batch batch)
    {
        var told = batch.Targets!.DiffersFrom(TaskTargets.None);
        _right += logits.argmax(2).eq(batch.Targets!).logical_and(told).sum().item<long>();
        _all += told.sum().item<long>();
    }

    public override IReadOnlyList<(string Name, double Value)> Metrics(double loss)
    {
        if (_all == 0)
        {
            throw new ZipLMException("DatasetEmpty", ErrorKind.InvalidData,
                "There is no token to tell: every text is a single token.", "Give longer texts.");
        }

        var accuracy = (double)_right / _all;
        return isMasked ? [("masked_accuracy", accuracy), ("masked_perplexity", Math.Exp(loss))] : [(Perplexity, Math.Exp(loss)), ("token_accuracy", accuracy)];
    }
}
