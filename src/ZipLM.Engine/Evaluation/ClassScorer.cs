using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Evaluation;

/// <summary>Metrics of a classifier: accuracy, Matthews' correlation, and for two labels F1.</summary>
/// <param name="first">Names of the metrics to put first.</param>
/// <param name="labels">Labels of the model.</param>
internal sealed class ClassScorer(IReadOnlyList<string> first, int labels) : Scorer
{
    private readonly List<int> _predicted = [];
    private readonly List<int> _actual = [];

    public override void Add(Tensor logits, Batch batch)
    {
        _predicted.AddRange(logits.argmax(1).cpu().data<long>().Select(label => (int)label));
        _actual.AddRange(batch.Targets!.cpu().data<long>().Select(label => (int)label));
    }

    public override IReadOnlyList<(string Name, double Value)> Metrics(double loss)
    {
        List<(string Name, double Value)> all =
        [
            ("accuracy", ClassificationMetrics.Accuracy(_predicted, _actual)),
            ("matthews", ClassificationMetrics.Matthews(_predicted, _actual)),
        ];
        if (labels == 2)
        {
            all.Add(("f1", ClassificationMetrics.F1(_predicted, _actual)));
        }

        return [.. all.OrderBy(metric => first.Index().Where(f => f.Item == metric.Name).Select(f => f.Index).DefaultIfEmpty(int.MaxValue).First())];
    }
}
