using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>What a forward pass gives; the tensors belong to the caller's dispose scope.</summary>
/// <param name="LastHidden">Output of the last block, after the final norm where there is one, [batch, length, hidden].</param>
/// <param name="Logits">[batch, labels] of a classifier or regression, [batch, length, 2] (start, end) of a model for question answering, [batch, length, vocabulary] of a language model; null where there is no head, or it was not asked for.</param>
/// <param name="Hidden">Output of each block, [batch, length, hidden]; empty unless asked for.</param>
internal sealed record ModelOutput(Tensor LastHidden, Tensor? Logits, IReadOnlyList<Tensor> Hidden);
