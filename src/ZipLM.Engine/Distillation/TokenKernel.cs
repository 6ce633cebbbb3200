using System.Numerics.Tensors;
using TorchSharp;
using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// The Euclidean token loss of one block with its gradient, in one pass over memory: torch makes some fifteen for it. For
/// students in single precision on the CPU; a teacher's half precision is turned into single token by token, within the caches.
/// </summary>
internal static class TokenKernel
{
    public static bool Supports(Tensor student, Tensor teacher) =>
        student.dtype == ScalarType.Float32 && student.device_type == DeviceType.CPU
        && teacher.dtype is ScalarType.Float32 or ScalarType.Float16 && teacher.device_type == DeviceType.CPU;

    /// <summary>Σ of the distances of the tokens that are not padding, and what each number of the student adds to the loss.</summary>
    /// <param name="student">[batch, length, hidden]</param>
    /// <param name="teacher">The same; its tokens may lie apart, as those of one block among several do.</param>
    /// <param name="factor">Of each distance in the loss.</param>
    /// <returns>The sum, without the factor, and the gradient with it; 0 where both agree exactly.</returns>
    public static unsafe (double Sum, Tensor Gradient) Run(Tensor student, Tensor teacher, Batch batch, double factor)
    {
        using var own = student.detach().contiguous();
        using var other = HasEvenTokens(teacher) ? teacher.alias() : teacher.contiguous();
        using var first = other[0, 0];
        var gradient = empty_like(own);
        var width = (int)own.shape[2];
        var s = (float*)HostTensor.Address(own);
        var t = HostTensor.Address(first);
        var g = (float*)HostTensor.Address(gradient);
        var mask = (bool*)HostTensor.Address(batch.Mask);
        var step = other.stride(1);
        var single = other.dtype == ScalarType.Float16 ? new float[width] : null;
        var sum = 0.0;
        for (var token = 0L; token < batch.Mask.numel(); token++)
        {
            var into = new Span<float>(g + (token * width), width);
            if (!mask[token])
            {
                into.Clear();
                continue;
            }

            var x = new ReadOnlySpan<float>(s + (token * width), width);
            var y = single is null ? new((float*)t + (token * step), width) : Single(new((Half*)t + (token * step), width), single);
            var distance = TensorPrimitives.Distance(x, y);
            sum += distance;
            if (distance > 0)
            {
                TensorPrimitives.Subtract(x, y, into);
                TensorPrimitives.Multiply(into, (float)(factor / distance), into);
            }
            else
            {
                into.Clear();
            }
        }

        return (sum, gradient);
    }

    /// <summary>Whether the numbers of a token lie side by side, and the tokens at one distance.</summary>
    private static bool HasEvenTokens(Tensor teacher) => teacher.stride(2) == 1 && teacher.stride(0) == teacher.shape[1] * teacher.stride(1);

    private static ReadOnlySpan<float> Single(ReadOnlySpan<Half> numbers, float[] into)
    {
        TensorPrimitives.ConvertToSingle(numbers, into);
        return into;
    }
}
