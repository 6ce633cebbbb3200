using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>
/// Writes a text as a causal model does: the prompt in one pass, which gives the first token, then a pass of one token for
/// each further one, with what went before in the cache. The head answers at the last token only.
/// </summary>
internal static class Generation
{
    /// <summary>Positions that are read: the token that is written last is not.</summary>
    public static int Positions(int prompt, int tokens) => prompt + Math.Max(0, tokens - 1);

    /// <summary>The longest prompt of at most <paramref name="length"/> tokens that leaves a model's positions to the tokens that follow; 1 at least.</summary>
    public static int Prompt(int length, int tokens, int positions) => Math.Max(1, Math.Min(length, positions - Positions(0, tokens)));

    /// <summary>Runs a model; gradients and what <paramref name="each"/> makes are the caller's.</summary>
    /// <param name="prompt">[batch, length], without padding.</param>
    /// <param name="next">
    /// [batch, 1]: what is read as every further token. Which tokens they are does not change the time, so none is chosen
    /// from the answers.
    /// </param>
    /// <param name="tokens">How many are written, ≥ 1.</param>
    /// <param name="each">Called for each with the answer at the last token, [batch, vocabulary], or of a model without a head the last hidden state, [batch, hidden]; freed after the call.</param>
    public static void Run(Transformer model, Batch prompt, Batch next, int tokens, Action<Tensor>? each = null)
    {
        using var cache = new KeyValueCache();
        var options = new ForwardOptions { Cache = cache, Head = false };
        for (var token = 0; token < tokens; token++)
        {
            using var scope = NewDisposeScope();
            var batch = token == 0 ? prompt : next;
            var last = model.Forward(batch, options).LastHidden.narrow(1, batch.InputIds.shape[1] - 1, 1);
            var answer = model.Head?.Forward(last, batch, options) ?? last;
            each?.Invoke(answer.squeeze(1));
        }
    }
}
