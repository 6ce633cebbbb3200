using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Evaluation;

/// <summary>Metrics of a regression: Pearson's and Spearman's correlation, 0 where the answers are all alike.</summary>
internal sealed class NumberScorer : Scorer
{
    private readonly List<double> _predicted = [];
    private readonly List<double> _actual = [];

    public override void Add(Tensor logits, Batch batch)
    {
        _predicted.AddRange(logits.squeeze(1).cpu().data<float>().Select(v => (double)v));
        _actual.AddRange(batch.Targets!.cpu().data<float>().Select(v => (double)v));
    }

    public override IReadOnlyList<(string Name, double Value)> Metrics(double loss) =>
        [("pearson", Plain(Correlation.Pearson(_predicted, _actual))), ("spearman", Plain(Correlation.Spearman(_predicted, _actual)))];

    private static double Plain(double correlation) => double.IsNaN(correlation) ? 0 : correlation;
}
