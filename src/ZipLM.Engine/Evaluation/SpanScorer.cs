using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Evaluation;

/// <summary>Metrics of extractive question answering: F1 of the words, and exact matches.</summary>
/// <param name="data">Questions, contexts and true answers.</param>
/// <param name="encoded">Their windows.</param>
internal sealed class SpanScorer(TextDataset data, EncodedDataset encoded) : Scorer
{
    private readonly SpanCandidate?[] _best = new SpanCandidate?[data.Count];

    public override void Add(Tensor logits, Batch batch)
    {
        var scores = logits.cpu().contiguous().data<float>().ToArray();
        var length = (int)logits.shape[1];
        foreach (var (i, window) in batch.Rows.Index())
        {
            var example = encoded.Examples[window];
            if (SpanCandidate.Best(example, scores.AsSpan(2 * i * length, 2 * example.Length)) is { } found && !(_best[example.Row]?.Score >= found.Score))
            {
                _best[example.Row] = found;
            }
        }
    }

    public override IReadOnlyList<(string Name, double Value)> Metrics(double loss)
    {
        var rows = data.Examples.Zip(_best, (example, best) => (Answer: best is { } b ? example.TextPair![b.Start..b.End] : string.Empty, Truths: example.Answers!.Select(a => a.Text).ToList())).ToList();
        return [("f1", rows.Average(r => SquadScore.F1(r.Answer, r.Truths))), ("exact_match", rows.Average(r => SquadScore.ExactMatch(r.Answer, r.Truths)))];
    }
}
