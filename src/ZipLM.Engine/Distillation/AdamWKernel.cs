using System.Numerics;
using System.Runtime.InteropServices;
using TorchSharp;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// One pass of AdamW over memory in place of torch's ten: the vectors are larger than the caches, so their traffic is the
/// whole cost. For single precision on the CPU.
/// </summary>
internal static class AdamWKernel
{
    /// <summary>Numbers that one thread takes at a time.</summary>
    private const int Piece = 1 << 15;

    /// <param name="Shorten">Factor of the gradient, ≤ 1.</param>
    /// <param name="Keep">What decay leaves of a weight, 1 − η·decay.</param>
    /// <param name="Rate">η / (1 − β₁ᵗ)</param>
    /// <param name="RootScale">1 / √(1 − β₂ᵗ)</param>
    internal readonly record struct Factors(float Shorten, float Keep, float Rate, float RootScale);

    public static bool Supports(Tensor tensor) => tensor.dtype == ScalarType.Float32 && tensor.device_type == DeviceType.CPU;

    /// <summary>Changes weights, means and squares in place and sets the gradients to zero; all contiguous and of one length.</summary>
    public static unsafe void Run(Tensor weights, Tensor gradients, Tensor means, Tensor squares, Factors factors)
    {
        // As numbers, so that the pieces' lambda may capture them: the tensors outlive the loop.
        var (w, g, m, v) = (HostTensor.Address(weights), HostTensor.Address(gradients), HostTensor.Address(means), HostTensor.Address(squares));
        var count = weights.numel();
        Parallel.For(0, (count + Piece - 1) / Piece, new() { MaxDegreeOfParallelism = get_num_threads() }, piece =>
        {
            var start = piece * Piece;
            var length = (int)Math.Min(Piece, count - start);
            Update(new((void*)(w + (4 * start)), length), new((void*)(g + (4 * start)), length), new((void*)(m + (4 * start)), length), new((void*)(v + (4 * start)), length), factors);
        });
    }

    private static void Update(Span<float> weights, Span<float> gradients, Span<float> means, Span<float> squares, Factors factors)
    {
        const float Rest1 = (float)(1 - AdamW.Beta1);
        const float Rest2 = (float)(1 - AdamW.Beta2);
        var whole = weights.Length - (weights.Length % Vector<float>.Count);
        var ws = Vectors(weights[..whole]);
        var gs = Vectors(gradients[..whole]);
        var ms = Vectors(means[..whole]);
        var vs = Vectors(squares[..whole]);
        for (var i = 0; i < ws.Length; i++)
        {
            var g = gs[i] * factors.Shorten;
            var m = (ms[i] * (float)AdamW.Beta1) + (g * Rest1);
            var v = (vs[i] * (float)AdamW.Beta2) + (g * g * Rest2);
            var root = (Vector.SquareRoot(v) * factors.RootScale) + new Vector<float>((float)AdamW.Epsilon);
            (ms[i], vs[i], gs[i]) = (m, v, Vector<float>.Zero);
            ws[i] = (ws[i] * factors.Keep) - (m * factors.Rate / root);
        }

        for (var i = whole; i < weights.Length; i++)
        {
            var g = gradients[i] * factors.Shorten;
            means[i] = (means[i] * (float)AdamW.Beta1) + (g * Rest1);
            squares[i] = (squares[i] * (float)AdamW.Beta2) + (g * g * Rest2);
            gradients[i] = 0;
            weights[i] = (weights[i] * factors.Keep) - (means[i] * factors.Rate / ((MathF.Sqrt(squares[i]) * factors.RootScale) + (float)AdamW.Epsilon));
        }
    }

    private static Span<Vector<float>> Vectors(Span<float> numbers) => MemoryMarshal.Cast<float, Vector<float>>(numbers);
}
