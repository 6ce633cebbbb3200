using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>What a teacher says of a batch. Owns its tensors, also across dispose scopes.</summary>
/// <param name="Logits">As <see cref="Models.ModelOutput.Logits"/> says; null when not asked for, or when <paramref name="Words"/> stand for them.</param>
/// <param name="Words">The likeliest words at each token, where a language model's logits come from the cache.</param>
/// <param name="Hidden">For each pair of blocks the teacher's output, [batch, length, hidden of the teacher]; from the cache in half precision, and not contiguous.</param>
internal sealed record TeacherAnswer(Tensor? Logits, LikelyWords? Words, IReadOnlyList<Tensor> Hidden) : IDisposable
{
    public void Dispose()
    {
        Logits?.Dispose();
        Words?.Dispose();
        foreach (var hidden in Hidden)
        {
            hidden.Dispose();
        }
    }
}
