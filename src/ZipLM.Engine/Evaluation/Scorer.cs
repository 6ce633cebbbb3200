using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Evaluation;

/// <summary>Collects a model's answers batch by batch and gives the metrics of a task over all of them.</summary>
internal abstract class Scorer
{
    /// <param name="logits">float32, as <see cref="Models.ModelOutput.Logits"/> says.</param>
    /// <param name="batch">What was asked, and what is right.</param>
    public abstract void Add(Tensor logits, Batch batch);

    /// <summary>The metrics by name, the one to compare by first.</summary>
    /// <param name="loss">The mean loss.</param>
    public abstract IReadOnlyList<(string Name, double Value)> Metrics(double loss);

    /// <summary>What scores a task's answers.</summary>
    /// <param name="data">The rows that <paramref name="encoded"/> was made from.</param>
    public static Scorer Of(TextDataset data, EncodedDataset encoded, int labels) => encoded.Task switch
    {
        ModelTask.Regression => new NumberScorer(),
        ModelTask.QuestionAnswering => new SpanScorer(data, encoded),
        ModelTask.CausalLanguageModeling => new TokenScorer(isMasked: false),
        ModelTask.MaskedLanguageModeling => new TokenScorer(isMasked: true),
        _ => new ClassScorer(data.Reference?.Task is { } task ? GlueTask.Find(task).Metrics : [], labels),
    };
}
