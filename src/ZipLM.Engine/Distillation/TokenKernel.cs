using System.Numerics.Tensors;
using TorchSharp;
using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// The Euclidean token loss of one block with its gradient, in one pass over memory: torch makes some fifteen for it. For
/// single precision on the CPU.
/// </summary>
internal static class TokenKernel
{
    public static bool Supports(Tensor student, Tensor teacher) =>
        student.dtype == ScalarType.Float32 && teacher.dtype == ScalarType.Float32 && student.device_type == DeviceType.CPU && teacher.device_type == DeviceType.CPU;

    /// <summary>Σ of the distances of the tokens that are not padding, and what each number of the student adds to the loss.</summary>
    /// <param name="student">[batch, length, hidden]</param>
    /// <param name="teacher">The same.</param>
    /// <param name="factor">Of each distance in the loss.</param>
    /// <returns>The sum, without the factor, and the gradient with it; 0 where both agree exactly.</returns>
    public static unsafe (double Sum, Tensor Gradient) Run(Tensor student, Tensor teacher, Batch batch, double factor)
    {
        using var own = student.detach().contiguous();
        using var other = teacher.contiguous();
        var gradient = empty_like(own);
        var width = (int)own.shape[2];
        var s = (float*)HostTensor.Address(own);
        var t = (float*)HostTensor.Address(other);
        var g = (float*)HostTensor.Address(gradient);
        var mask = (bool*)HostTensor.Address(batch.Mask);
        var sum = 0.0;
        for (var token = 0L; token < batch.Mask.numel(); token++)
        {
            var x = new ReadOnlySpan<float>(s + (token * width), width);
            var y = new ReadOnlySpan<float>(t + (token * width), width);
            var into = new Span<float>(g + (token * width), width);
            var distance = mask[token] ? TensorPrimitives.Distance(x, y) : 0;
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
}
