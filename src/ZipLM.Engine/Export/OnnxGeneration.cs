using Microsoft.ML.OnnxRuntime;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Export;

/// <summary>
/// Writes a text in ONNX Runtime as <see cref="Generation"/> does in torch: what a pass gives as keys and values the next one
/// takes. The graph's head answers at every token of the prompt, as exporters of language models write it by default.
/// </summary>
internal static class OnnxGeneration
{
    /// <param name="program">A graph with a cache.</param>
    /// <param name="each">Called for each token with the answer, as the graph gives it; freed after the call.</param>
    public static void Run(OnnxProgram program, OnnxText text, Action<OrtValue>? each = null)
    {
        IDisposableReadOnlyCollection<OrtValue>? before = null;
        try
        {
            for (var token = 0; token < text.Tokens; token++)
            {
                var (ids, mask) = text.Pass(token);
                var inputs = new Dictionary<string, OrtValue>(StringComparer.Ordinal) { [OnnxModel.InputIds] = ids, [OnnxModel.AttentionMask] = mask };
                foreach (var (output, value) in program.Outputs.Zip(before ?? (IReadOnlyCollection<OrtValue>)[]))
                {
                    if (OnnxCache.PastOf(output) is { } past)
                    {
                        inputs.Add(past, value);
                    }
                }

                var given = program.RunAll(inputs);
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
}
