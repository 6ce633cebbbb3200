using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>The loss of a student's output on a batch, in single precision whatever the model computes in.</summary>
/// <param name="pairs">What the token loss compares; needed where it has a weight.</param>
internal sealed class StudentLoss(TrainingOptions options, LayerPairs? pairs)
{
    /// <summary>What the student has to give.</summary>
    public ForwardOptions Forward { get; } = new()
    {
        Training = true,
        KeepHidden = options.Weights.Token > 0,
        Head = options.Weights.Task > 0 || options.Weights.Logit > 0,
    };

    /// <param name="teacher">Needed where the logit or token loss has a weight.</param>
    /// <param name="share">How much of the step the batch is.</param>
    public LossTerms Of(ModelOutput student, TeacherAnswer? teacher, Batch batch, PartShare share)
    {
        var weights = options.Weights;
        var logits = student.Logits is { } given ? Precise(given) : null;
        var (token, known) = weights.Token > 0 ? Token(pairs!.Student(student.Hidden), teacher!.Hidden, batch, share.Tokens) : (null, []);
        return new(
            weights,
            weights.Task > 0 ? TaskLoss.Mean(logits!, batch, options.LabelSmoothing).Times(share.Targets) : null,
            weights.Logit > 0 ? Divergence(logits!, teacher!, batch).Times(logits!.dim() == 3 && batch.Task != ModelTask.QuestionAnswering ? share.Tokens : share.Rows) : null,
            token) { Known = known };
    }

    private (Tensor? Loss, IReadOnlyList<(Tensor, Tensor)> Known) Token(IReadOnlyList<Tensor> student, IReadOnlyList<Tensor> teacher, Batch batch, double share)
    {
        if (options.TokenDistance != TokenDistance.Euclidean || !student.Zip(teacher).All(b => TokenKernel.Supports(b.First, b.Second)))
        {
            return (DistillationLoss.Token(student, [.. teacher.Select(t => t.dtype == ScalarType.Float16 ? t.to(ScalarType.Float32) : t)], batch, options.TokenDistance).Times(share), []);
        }

        var perToken = share / batch.TokenCount;
        var blocks = student.Zip(teacher, (s, t) => TokenKernel.Run(s, t, batch, options.Weights.Token * perToken)).ToList();
        return (tensor((float)(blocks.Sum(b => b.Sum) * perToken)), [.. student.Zip(blocks, (s, b) => (s, b.Gradient))]);
    }

    private Tensor Divergence(Tensor logits, TeacherAnswer teacher, Batch batch) => teacher.Words is { } words
        ? DistillationLoss.Logit(logits, words, batch, options.Temperature)
        : DistillationLoss.Logit(logits, teacher.Logits!, batch, options.Temperature);

    internal static Tensor Precise(Tensor x) => x.dtype == ScalarType.BFloat16 ? x.to(ScalarType.Float32) : x;
}
