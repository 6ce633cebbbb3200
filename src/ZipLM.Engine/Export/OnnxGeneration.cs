using Microsoft.ML.OnnxRuntime;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Export;

/// <summary>
/// Writes a text in ONNX Runtime as <see cref="Generation"/> does in torch: what a pass gives as keys and values the next one
/// takes. The graph's head answers at every token of the prompt, as those do that exporters of language models write.
/// </summary>
/// <param name="program">A graph with a cache.</param>
/// <param name="prompt">int64 [batch, length], without padding; with <paramref name="next"/> it must outlive this.</param>
/// <param name="next">int64 [batch, 1]: what is read as every further token.</param>
/// <param name="tokens">How many are written, ≥ 1.</param>
internal sealed class OnnxGeneration(OnnxProgram program, OrtValue prompt, OrtValue next, int tokens) : IDisposable
{
    private readonly IReadOnlyList<OrtValue> _masks = Masks(prompt, tokens);

    /// <param name="each">Called for each token with the answer, as the graph gives it; freed after the call.</param>
    public void Run(Action<OrtValue>? each = null)
    {
        IDisposableReadOnlyCollection<OrtValue>? before = null;
        try
        {
            for (var token = 0; token < tokens; token++)
            {
                var inputs = new Dictionary<string, OrtValue>(StringComparer.Ordinal)
                {
                    [OnnxModel.InputIds] = token == 0 ? prompt : next,
                    [OnnxModel.AttentionMask] = _masks[token],
                };
                for (var output = 0; output < (before?.Count ?? 0); output++)
                {
                    if (OnnxCache.PastOf(program.Outputs[output]) is { } past)
                    {
                        inputs.Add(past, before![output]);
                    }
                }

                var given = program.Give(inputs);
                before?.Dispose();
                before = given;
                each?.Invoke(given[0]);
            }
        }
        finally
        {
            before?.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var mask in _masks)
        {
            mask.Dispose();
        }
    }

    /// <summary>Of each pass: every token that was read so far counts.</summary>
    private static IReadOnlyList<OrtValue> Masks(OrtValue prompt, int tokens)
    {
        var shape = prompt.GetTensorTypeAndShape().Shape;
        return [.. Enumerable.Range(0, tokens).Select(token =>
        {
            var ones = new long[shape[0] * (shape[1] + token)];
            Array.Fill(ones, 1);
            return OnnxSession.Value(ones, shape[0], shape[1] + token);
        })];
    }
}
