using System.Runtime.InteropServices;
using TorchSharp;

namespace ZipLM.Engine.Runtime;

/// <summary>Lets a device compute something small: that it is there does not mean that it works.</summary>
internal static class DeviceProbe
{
    /// <summary>Null when a product of matrices on the device is right; else what is wrong, as a sentence.</summary>
    public static string? Failure(torch.Device device)
    {
        try
        {
            // The squares of 1 … 16 add up to 1496; such a product passes through every library.
            using var row = TensorArithmetic.Range(1, 17, torch.ScalarType.Float32, device).reshape(1, 16);
            using var column = row.transpose(0, 1);
            using var product = row.matmul(column);
            var sum = product.item<float>();
            return sum == 1496 ? null : FormattableString.Invariant($"A product of matrices on {device} gave {sum} in place of 1496.");
        }
        catch (ExternalException e)
        {
            return $"A product of matrices on {device} fails: {e.Message.Split('\n')[0].TrimEnd('.')}.";
        }
    }
}
