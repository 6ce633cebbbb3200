using Microsoft.ML.OnnxRuntime;
using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Export;

/// <summary>What a text is generated from in ONNX Runtime: the tokens that are read, pass by pass. Any number of programs may share it.</summary>
internal sealed class OnnxText : IDisposable
{
    private readonly OrtValue _prompt;
    private readonly OrtValue _next;
    private readonly List<OrtValue> _masks = [];

    /// <param name="prompt">[batch, length], without padding; it may be freed afterwards, as <paramref name="next"/>.</param>
    /// <param name="next">[batch, 1]: what is read as every further token.</param>
    /// <param name="tokens">How many are written, ≥ 1.</param>
    public OnnxText(Batch prompt, Batch next, int tokens)
    {
        _prompt = OnnxProgram.Int64(prompt.InputIds);
        _next = OnnxProgram.Int64(next.InputIds);
        var (batch, length) = (prompt.InputIds.shape[0], prompt.InputIds.shape[1]);
        // Every token that was read so far counts, in each pass one more.
        var ones = new long[batch * (length + tokens)];
        Array.Fill(ones, 1);
        for (var token = 0; token < tokens; token++)
        {
            _masks.Add(OnnxSession.Value(ones, batch, length + token));
        }
    }

    /// <summary>Passes: the prompt's, and one for each further token.</summary>
    public int Tokens => _masks.Count;

    /// <summary>What a pass reads, int64 [batch, tokens], and the mask of all that was read with it.</summary>
    public (OrtValue Ids, OrtValue Mask) Pass(int token) => (token == 0 ? _prompt : _next, _masks[token]);

    public void Dispose()
    {
        _prompt.Dispose();
        _next.Dispose();
        _masks.ForEach(mask => mask.Dispose());
    }
}
