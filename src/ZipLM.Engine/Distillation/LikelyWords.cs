using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// A language model's answers in short: the likeliest words at each token, and one entry for all others together. Their KL
/// divergence is a lower bound of that over the whole vocabulary.
/// </summary>
/// <param name="Ids">int64 [batch, length, k]</param>
/// <param name="LogProbabilities">[batch, length, k + 1], at the run's temperature; the last entry is that of all other words.</param>
internal sealed record LikelyWords(Tensor Ids, Tensor LogProbabilities) : IDisposable
{
    /// <summary>Words that are kept for each token.</summary>
    public const int Count = 64;

    // Of the rest's probability: nothing is impossible, and its logarithm stays finite.
    private const double Least = 1e-6;

    /// <summary>In short what a model answers.</summary>
    /// <param name="logits">[batch, length, vocabulary]</param>
    public static LikelyWords Of(Tensor logits, double temperature)
    {
        using var scope = NewDisposeScope();
        var scaled = logits.to(ScalarType.Float32).Over(temperature);
        var (values, ids) = scaled.topk((int)Math.Min(Count, logits.shape[2]), 2);
        // Not the logarithms of all words: of each such tensor there are gigabytes.
        return new(ids.MoveToOuterDisposeScope(), WithRest(values - scaled.logsumexp(2, keepdim: true)).MoveToOuterDisposeScope());
    }

    /// <summary>KL(teacher ‖ student) · T² at each token, [batch, length].</summary>
    /// <param name="student">[batch, length, vocabulary]</param>
    public Tensor Divergence(Tensor student, double temperature)
    {
        var q = WithRest(nn.functional.log_softmax(student.Over(temperature), 2).gather(2, Ids));
        return (LogProbabilities.exp() * (LogProbabilities - q)).sum(new long[] { 2 }).Times(temperature * temperature);
    }

    public void Dispose()
    {
        Ids.Dispose();
        LogProbabilities.Dispose();
    }

    private static Tensor WithRest(Tensor logProbabilities)
    {
        var rest = logProbabilities.exp().sum(new long[] { 2 }, keepdim: true).neg().Plus(1.0).AtLeast(Least).log();
        return cat([logProbabilities, rest], 2);
    }
}
