using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>
/// Rotary positions (Su et al., 2021) in Hugging Face's layout: the first half of a head holds the first coordinate of
/// every pair, the second half the second.
/// </summary>
/// <param name="frequencies">Angle a position of each pair, head size ÷ 2 of them.</param>
/// <param name="positions">The longest text that the model reads; for those who write tables down.</param>
internal sealed class Rotary(IReadOnlyList<double> frequencies, int positions)
{
    private Tensor? _cosines;
    private Tensor? _sines;

    public IReadOnlyList<double> Frequencies => frequencies;

    public int Positions => positions;

    /// <summary>θ^(−2i/d) for the pairs i = 0 … d/2 − 1 of a head of size d.</summary>
    public static IReadOnlyList<double> Plain(int headSize, double theta) =>
        [.. Enumerable.Range(0, headSize / 2).Select(i => Math.Pow(theta, -2.0 * i / headSize))];

    /// <summary>Turns every pair by its position times its frequency.</summary>
    /// <param name="x">[batch, heads, length, head size]</param>
    /// <param name="start">The first position.</param>
    public Tensor Apply(Tensor x, int start = 0)
    {
        var length = x.shape[2];
        Prepare(start + length, x);
        var (cosines, sines) = (_cosines!.narrow(0, start, length), _sines!.narrow(0, start, length));
        var halves = x.chunk(2, -1);
        return cat([(halves[0] * cosines) - (halves[1] * sines), (halves[1] * cosines).Plus(halves[0] * sines)], -1);
    }

    /// <summary>Position times frequency, float64 [length, pairs].</summary>
    public Tensor Angles(long length) => outer(TensorArithmetic.Range(0, length, float64), tensor(frequencies.ToArray(), float64));

    /// <summary>
    /// Tables for the longest sequence that was seen, shared by all blocks and copies of a model. They are no weights:
    /// made again where they are missing, and freed with the last block by torch's finalizer.
    /// </summary>
    private void Prepare(long length, Tensor like)
    {
        if (_cosines is { } known && known.shape[0] >= length && known.dtype == like.dtype && AreOneDevice(known.device, like.device))
        {
            return;
        }

        // Made as an inference tensor, a table could not be used in training later.
        using var normal = inference_mode(false);
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        // Twice as long as needed where it grows: with a cache, texts get longer token by token.
        var rows = _cosines is null ? length : 2 * length;
        _cosines?.Dispose();
        _sines?.Dispose();
        var angles = Angles(rows);
        _cosines = angles.cos().to(like.dtype).to(like.device).DetachFromDisposeScope();
        _sines = angles.sin().to(like.dtype).to(like.device).DetachFromDisposeScope();
    }

    /// <summary>TorchSharp makes a new object each time that a tensor is asked for its device, and knows no equality of them.</summary>
    private static bool AreOneDevice(Device a, Device b) => a.type == b.type && a.index == b.index;
}
