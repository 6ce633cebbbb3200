using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>What a forward pass gives; the tensors belong to the caller's dispose scope.</summary>
/// <param name="LastHidden">Output of the last block, [batch, length, hidden].</param>
/// <param name="Logits">[batch, labels]; null without a head.</param>
/// <param name="Hidden">Output of each block, [batch, length, hidden]; empty unless asked for.</param>
internal sealed record ModelOutput(Tensor LastHidden, Tensor? Logits, IReadOnlyList<Tensor> Hidden);
